-- Definitions, runs with their samples and scores, and the ledger.

CREATE TABLE "evalsets" ("digest" VARCHAR NOT NULL, "name" VARCHAR NOT NULL,
    "definition" VARCHAR NOT NULL, "created" TIMESTAMP NOT NULL);
CREATE TABLE "items" ("digest" VARCHAR NOT NULL, "evalset" VARCHAR NOT NULL,
    "split" VARCHAR NOT NULL, "position" BIGINT NOT NULL, "id" VARCHAR NOT NULL,
    "item" VARCHAR NOT NULL);
CREATE TABLE "graders" ("digest" VARCHAR NOT NULL, "name" VARCHAR NOT NULL,
    "type" VARCHAR NOT NULL, "definition" VARCHAR NOT NULL);
CREATE TABLE "prompts" ("digest" VARCHAR NOT NULL, "messages" VARCHAR NOT NULL);
CREATE TABLE "models" ("digest" VARCHAR NOT NULL, "name" VARCHAR NOT NULL,
    "kind" VARCHAR NOT NULL, "detail" VARCHAR NOT NULL);
CREATE TABLE "runs" ("run" VARCHAR NOT NULL, "created" TIMESTAMP NOT NULL,
    "kind" VARCHAR NOT NULL, "parent" VARCHAR, "evalset" VARCHAR NOT NULL,
    "evalset_digest" VARCHAR NOT NULL, "split" VARCHAR NOT NULL,
    "split_digest" VARCHAR NOT NULL, "model" VARCHAR NOT NULL,
    "model_digest" VARCHAR NOT NULL, "prompt_digest" VARCHAR NOT NULL,
    "sampling" VARCHAR NOT NULL, "sampling_digest" VARCHAR NOT NULL,
    "repeats" BIGINT NOT NULL, "items" BIGINT NOT NULL, "graders" VARCHAR NOT NULL,
    "primary_grader" VARCHAR NOT NULL, "version" VARCHAR NOT NULL, "note" VARCHAR);
CREATE TABLE "run_events" ("run" VARCHAR NOT NULL, "created" TIMESTAMP NOT NULL,
    "status" VARCHAR NOT NULL, "detail" VARCHAR);
CREATE TABLE "samples" ("run" VARCHAR NOT NULL, "item" VARCHAR NOT NULL,
    "position" BIGINT NOT NULL, "repeat" BIGINT NOT NULL, "key" VARCHAR NOT NULL,
    "output_text" VARCHAR NOT NULL, "extra" VARCHAR, "error" VARCHAR,
    "truncated" BOOLEAN NOT NULL, "prompt_tokens" BIGINT NOT NULL,
    "completion_tokens" BIGINT NOT NULL, "cached_tokens" BIGINT NOT NULL,
    "seconds" DOUBLE NOT NULL, "price" DOUBLE, "cached" BOOLEAN NOT NULL,
    "created" TIMESTAMP NOT NULL);
CREATE TABLE "scores" ("run" VARCHAR NOT NULL, "item" VARCHAR NOT NULL,
    "repeat" BIGINT NOT NULL, "grader" VARCHAR NOT NULL, "name" VARCHAR NOT NULL,
    "score" DOUBLE, "passed" BOOLEAN, "parsed" BOOLEAN, "reason" VARCHAR NOT NULL,
    "error_kind" VARCHAR, "error_label" VARCHAR, "error_detail" VARCHAR,
    "parts" VARCHAR, "created" TIMESTAMP NOT NULL,
    CHECK (("score" IS NULL) <> ("error_kind" IS NULL)));
CREATE TABLE "baselines" ("evalset" VARCHAR NOT NULL, "evalset_digest" VARCHAR NOT NULL,
    "split" VARCHAR NOT NULL, "model_digest" VARCHAR NOT NULL,
    "prompt_digest" VARCHAR NOT NULL, "sampling_digest" VARCHAR NOT NULL,
    "run" VARCHAR NOT NULL, "created" TIMESTAMP NOT NULL);
CREATE TABLE "test_reads" ("evalset" VARCHAR NOT NULL, "split_digest" VARCHAR NOT NULL,
    "run" VARCHAR NOT NULL, "reason" VARCHAR NOT NULL, "created" TIMESTAMP NOT NULL);
CREATE TABLE "batches" ("batch" VARCHAR PRIMARY KEY, "rows" BIGINT NOT NULL,
    "created" TIMESTAMP NOT NULL);
