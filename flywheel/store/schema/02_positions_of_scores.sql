-- Scores say where their item stands: eight bytes tell items apart where a digest took 64.

CREATE TABLE "scores_with_position" ("run" VARCHAR NOT NULL, "item" VARCHAR NOT NULL,
    "position" BIGINT NOT NULL, "repeat" BIGINT NOT NULL, "grader" VARCHAR NOT NULL,
    "name" VARCHAR NOT NULL, "score" DOUBLE, "passed" BOOLEAN, "parsed" BOOLEAN,
    "reason" VARCHAR NOT NULL, "error_kind" VARCHAR, "error_label" VARCHAR,
    "error_detail" VARCHAR, "parts" VARCHAR, "created" TIMESTAMP NOT NULL,
    CHECK (("score" IS NULL) <> ("error_kind" IS NULL)));
INSERT INTO "scores_with_position"
WITH "stands" AS (
    SELECT r."run", a."item", any_value(a."position") AS "position"
    FROM "samples" AS a JOIN "runs" AS r
        ON a."run" = CASE r."kind" WHEN 'regrade' THEN r."parent" ELSE r."run" END
    GROUP BY r."run", a."item"
)
SELECT s."run", s."item", coalesce(p."position", i."position", 0), s."repeat", s."grader",
    s."name", s."score", s."passed", s."parsed", s."reason", s."error_kind",
    s."error_label", s."error_detail", s."parts", s."created"
FROM "scores" AS s
LEFT JOIN "stands" AS p ON p."run" = s."run" AND p."item" = s."item"
LEFT JOIN "items" AS i ON i."digest" = s."item"
ORDER BY s.rowid;
DROP TABLE "scores";
ALTER TABLE "scores_with_position" RENAME TO "scores";
