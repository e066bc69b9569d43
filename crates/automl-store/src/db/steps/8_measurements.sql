-- Measurements of a trial in the order in which they were told: some clients tell several of one step, or none.
ALTER TABLE trial_measurements RENAME TO trial_measurements_one_a_step;
CREATE TABLE trial_measurements (
    trial_id BIGINT NOT NULL REFERENCES trials (id) ON DELETE CASCADE,
    place BIGINT NOT NULL,
    step BIGINT NOT NULL,
    figures TEXT NOT NULL,
    extra TEXT,
    PRIMARY KEY (trial_id, place)
);
CREATE INDEX trial_measurements_by_step ON trial_measurements (trial_id, step);
INSERT INTO trial_measurements (trial_id, place, step, figures, extra)
    SELECT trial_id, ROW_NUMBER() OVER (PARTITION BY trial_id ORDER BY step) - 1, step, figures, extra FROM trial_measurements_one_a_step;
DROP TABLE trial_measurements_one_a_step
