-- A run keeps its tags itself, as they are no part of its evalset's digest.
ALTER TABLE "runs" ADD COLUMN "tags" VARCHAR;
