-- As how many batches a deployment predicts at once; as many as a server has cores where it is not said.
ALTER TABLE deployments ADD COLUMN replicas BIGINT
