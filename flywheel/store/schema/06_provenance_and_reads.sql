-- Who answered and judged, and the reads of sealed splits as a chain of hashes.

ALTER TABLE "samples" ADD COLUMN "model" VARCHAR;
ALTER TABLE "samples" ADD COLUMN "finish_reason" VARCHAR;
ALTER TABLE "samples" ADD COLUMN "response" VARCHAR;
ALTER TABLE "scores" ADD COLUMN "usage" VARCHAR;
ALTER TABLE "scores" ADD COLUMN "judge_reply" VARCHAR;
ALTER TABLE "runs" ADD COLUMN "judge_digest" VARCHAR;
ALTER TABLE "runs" ADD COLUMN "embedder_digest" VARCHAR;
ALTER TABLE "runs" ADD COLUMN "owner_key" VARCHAR;
CREATE TABLE "item_sets" ("item_set" VARCHAR NOT NULL, "item" VARCHAR NOT NULL);
CREATE TABLE "reads_chain" ("n" BIGINT NOT NULL, "previous" VARCHAR NOT NULL,
    "hash" VARCHAR NOT NULL, "at" TIMESTAMP NOT NULL, "purpose" VARCHAR NOT NULL,
    "run" VARCHAR NOT NULL, "evalset" VARCHAR NOT NULL, "split_digest" VARCHAR NOT NULL,
    "model_digest" VARCHAR NOT NULL, "prompt_digest" VARCHAR NOT NULL,
    "item_set" VARCHAR NOT NULL, "decision" VARCHAR, "rules" VARCHAR);

-- A macro is a view of one run; a view of all runs costs twice as much. One row a pair of the
-- run: its answer, or the newest error in its place. One row a pair and grader: its score, or
-- the newest reason why there is none. That a pair has one score is the writer's care: to group
-- a million rows here would cost more than all the rest. Items are told apart by their position.
CREATE MACRO newest_samples(of_run) AS TABLE
    SELECT * FROM "samples" WHERE "run" = of_run QUALIFY row_number() OVER (
        PARTITION BY "position", "repeat" ORDER BY "error" IS NULL DESC, "created" DESC
    ) = 1;
CREATE MACRO newest_scores(of_run) AS TABLE
    SELECT * FROM "scores" WHERE "run" = of_run AND "score" IS NOT NULL
    UNION ALL (
        SELECT * FROM "scores" AS "u"
        WHERE "run" = of_run AND "score" IS NULL AND NOT EXISTS (
            FROM "scores" AS "g" WHERE "g"."run" = of_run AND "g"."score" IS NOT NULL
                AND "g"."position" = "u"."position" AND "g"."repeat" = "u"."repeat"
                AND "g"."grader" = "u"."grader"
        )
        QUALIFY row_number() OVER (
            PARTITION BY "grader", "position", "repeat"
            ORDER BY "created" DESC, rowid DESC
        ) = 1
    );
