-- Jobs, what they said of themselves, and what they kept on their way.

CREATE TABLE "jobs" ("job" VARCHAR NOT NULL, "created" TIMESTAMP NOT NULL,
    "lever" VARCHAR NOT NULL, "evalset" VARCHAR NOT NULL, "model" VARCHAR NOT NULL,
    "order" VARCHAR NOT NULL, "folder" VARCHAR NOT NULL, "baseline" VARCHAR);
CREATE TABLE "job_events" ("job" VARCHAR NOT NULL, "n" BIGINT NOT NULL,
    "at" TIMESTAMP NOT NULL, "kind" VARCHAR NOT NULL, "detail" VARCHAR NOT NULL);
CREATE TABLE "checkpoints" ("job" VARCHAR NOT NULL, "n" BIGINT NOT NULL,
    "step" BIGINT NOT NULL, "path" VARCHAR NOT NULL, "digest" VARCHAR,
    "metrics" VARCHAR NOT NULL);
