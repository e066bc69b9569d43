-- Studies: what is searched, and the trials in which it is. Numbers within texts are written so that reading gives the
-- same number, with NaN and infinities; distributions, attributes and specs are kept as they were sent.
CREATE TABLE studies (
    id BIGINT PRIMARY KEY,
    workspace TEXT NOT NULL,
    name TEXT NOT NULL,
    protocol TEXT NOT NULL,
    state TEXT NOT NULL,
    objectives TEXT NOT NULL,
    spec TEXT NOT NULL,
    lease_ms BIGINT,
    n_retries BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    n_trials BIGINT NOT NULL,
    n_events BIGINT NOT NULL,
    UNIQUE (workspace, name)
);
CREATE TABLE study_attributes (
    study_id BIGINT NOT NULL REFERENCES studies (id) ON DELETE CASCADE,
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (study_id, scope, key)
);
-- The distribution that a parameter had first in a study whose space is found while it runs.
CREATE TABLE study_distributions (
    study_id BIGINT NOT NULL REFERENCES studies (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    distribution TEXT NOT NULL,
    PRIMARY KEY (study_id, name)
);
CREATE TABLE trials (
    id BIGINT PRIMARY KEY,
    study_id BIGINT NOT NULL REFERENCES studies (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    state TEXT NOT NULL,
    figures TEXT,
    constraints TEXT,
    note TEXT,
    client TEXT,
    started_us BIGINT,
    ended_us BIGINT,
    end_event BIGINT,
    expires_ms BIGINT,
    n_lost BIGINT NOT NULL,
    extra TEXT,
    UNIQUE (study_id, number)
);
CREATE INDEX trials_by_state ON trials (study_id, state);
CREATE TABLE trial_params (
    trial_id BIGINT NOT NULL REFERENCES trials (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    place BIGINT NOT NULL,
    value TEXT NOT NULL,
    distribution TEXT,
    PRIMARY KEY (trial_id, name)
);
CREATE TABLE trial_measurements (
    trial_id BIGINT NOT NULL REFERENCES trials (id) ON DELETE CASCADE,
    step BIGINT NOT NULL,
    figures TEXT NOT NULL,
    extra TEXT,
    PRIMARY KEY (trial_id, step)
);
CREATE TABLE trial_attributes (
    trial_id BIGINT NOT NULL REFERENCES trials (id) ON DELETE CASCADE,
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (trial_id, scope, key)
);
-- All that happened in a study, in order; it only grows. A request that is known by a key is done once.
CREATE TABLE study_events (
    study_id BIGINT NOT NULL REFERENCES studies (id) ON DELETE CASCADE,
    place BIGINT NOT NULL,
    at_us BIGINT NOT NULL,
    trial BIGINT,
    what TEXT NOT NULL,
    body TEXT,
    request TEXT,
    PRIMARY KEY (study_id, place)
);
CREATE INDEX study_events_by_request ON study_events (study_id, request)
