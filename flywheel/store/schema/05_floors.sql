-- What answers that took no skill score on the items of a run.

CREATE TABLE "floors" ("run" VARCHAR NOT NULL, "grader" VARCHAR NOT NULL,
    "answers" BIGINT NOT NULL, "distinct_answers" BIGINT NOT NULL,
    "detail" VARCHAR NOT NULL, "scores" VARCHAR NOT NULL, "created" TIMESTAMP NOT NULL);
