-- Reads know items and candidates by content, and the store which items other splits hold.

ALTER TABLE "reads_chain" ADD COLUMN "candidate" VARCHAR;
ALTER TABLE "reads_chain" ADD COLUMN "scoring" VARCHAR;
CREATE TABLE "split_sets" ("item_set" VARCHAR NOT NULL, "evalset" VARCHAR NOT NULL,
    "split" VARCHAR NOT NULL, "created" TIMESTAMP NOT NULL);
