-- Decisions of the gate, the promotions that follow, and people's votes.

CREATE TABLE "comparisons" ("comparison" VARCHAR NOT NULL, "baseline" VARCHAR NOT NULL,
    "candidate" VARCHAR NOT NULL, "decision" VARCHAR NOT NULL, "look" BIGINT NOT NULL,
    "alpha" DOUBLE NOT NULL, "detail" VARCHAR NOT NULL, "created" TIMESTAMP NOT NULL);
CREATE TABLE "promotions" ("evalset" VARCHAR NOT NULL, "baseline" VARCHAR NOT NULL,
    "candidate" VARCHAR NOT NULL, "comparison" VARCHAR NOT NULL,
    "created" TIMESTAMP NOT NULL);
CREATE TABLE "votes" ("vote" VARCHAR NOT NULL, "left" VARCHAR NOT NULL,
    "right" VARCHAR NOT NULL, "item" VARCHAR NOT NULL, "repeat" BIGINT NOT NULL,
    "choice" VARCHAR, "undoes" VARCHAR, "who" VARCHAR NOT NULL, "seconds" DOUBLE NOT NULL,
    "created" TIMESTAMP NOT NULL,
    CHECK (("choice" IS NULL) <> ("undoes" IS NULL)));
