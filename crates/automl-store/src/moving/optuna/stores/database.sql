BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('v3.2.0.a');
CREATE TABLE studies (
	study_id INTEGER NOT NULL, 
	study_name VARCHAR(512) NOT NULL, 
	PRIMARY KEY (study_id)
);
INSERT INTO "studies" VALUES(1,'one "two"/three');
INSERT INTO "studies" VALUES(2,'front');
CREATE TABLE study_directions (
	study_direction_id INTEGER NOT NULL, 
	direction VARCHAR(8) NOT NULL, 
	study_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	PRIMARY KEY (study_direction_id), 
	UNIQUE (study_id, objective), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_directions" VALUES(1,'MAXIMIZE',1,0);
INSERT INTO "study_directions" VALUES(2,'MINIMIZE',2,0);
INSERT INTO "study_directions" VALUES(3,'MAXIMIZE',2,1);
CREATE TABLE study_system_attributes (
	study_system_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_system_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_system_attributes" VALUES(1,2,'study:metric_names','["cost", "gain"]');
CREATE TABLE study_user_attributes (
	study_user_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_user_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_user_attributes" VALUES(1,1,'team','{"name": "\u00fc", "numbers": [1, 2.5, NaN]}');
CREATE TABLE trial_heartbeats (
	trial_heartbeat_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	heartbeat DATETIME NOT NULL, 
	PRIMARY KEY (trial_heartbeat_id), 
	UNIQUE (trial_id), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_intermediate_values (
	trial_intermediate_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	intermediate_value FLOAT, 
	intermediate_value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_intermediate_value_id), 
	UNIQUE (trial_id, step), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_intermediate_values" VALUES(1,1,1,0.25,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(2,1,2,NULL,'NAN');
INSERT INTO "trial_intermediate_values" VALUES(3,1,3,NULL,'INF_NEG');
INSERT INTO "trial_intermediate_values" VALUES(4,2,1,0.25,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(5,2,2,NULL,'NAN');
INSERT INTO "trial_intermediate_values" VALUES(6,2,3,NULL,'INF_NEG');
INSERT INTO "trial_intermediate_values" VALUES(7,3,1,0.25,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(8,3,2,NULL,'NAN');
INSERT INTO "trial_intermediate_values" VALUES(9,3,3,NULL,'INF_NEG');
INSERT INTO "trial_intermediate_values" VALUES(10,4,1,0.1,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(11,6,1,0.3,'FINITE');
CREATE TABLE trial_params (
	param_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	param_name VARCHAR(512), 
	param_value FLOAT, 
	distribution_json TEXT, 
	PRIMARY KEY (param_id), 
	UNIQUE (trial_id, param_name), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_params" VALUES(1,1,'rate',0.1,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(2,1,'kind',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["a", "b \"c\"", null, 2, true]}}');
INSERT INTO "trial_params" VALUES(3,2,'rate',0.01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(4,2,'kind',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["a", "b \"c\"", null, 2, true]}}');
INSERT INTO "trial_params" VALUES(5,3,'rate',0.001,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(6,3,'kind',3.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["a", "b \"c\"", null, 2, true]}}');
INSERT INTO "trial_params" VALUES(7,4,'rate',0.001,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(8,6,'rate',0.01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(9,8,'depth',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 9}}');
INSERT INTO "trial_params" VALUES(10,9,'depth',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 9}}');
INSERT INTO "trial_params" VALUES(11,9,'rate',0.01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(12,10,'depth',3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 9}}');
INSERT INTO "trial_params" VALUES(13,11,'depth',4.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 9}}');
INSERT INTO "trial_params" VALUES(14,11,'rate',0.01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(15,12,'depth',5.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 9}}');
INSERT INTO "trial_params" VALUES(16,13,'depth',6.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 9}}');
INSERT INTO "trial_params" VALUES(17,13,'rate',0.01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.1, "log": true}}');
CREATE TABLE trial_system_attributes (
	trial_system_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_system_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_system_attributes" VALUES(1,6,'fixed_params','{"rate": 0.01}');
INSERT INTO "trial_system_attributes" VALUES(2,7,'fixed_params','{"rate": 0.02}');
INSERT INTO "trial_system_attributes" VALUES(3,8,'constraints','[-4.5]');
INSERT INTO "trial_system_attributes" VALUES(4,9,'constraints','[-3.5]');
INSERT INTO "trial_system_attributes" VALUES(5,10,'constraints','[-2.5]');
INSERT INTO "trial_system_attributes" VALUES(6,11,'constraints','[-1.5]');
INSERT INTO "trial_system_attributes" VALUES(7,12,'constraints','[-0.5]');
INSERT INTO "trial_system_attributes" VALUES(8,13,'constraints','[0.5]');
CREATE TABLE trial_user_attributes (
	trial_user_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_user_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_user_attributes" VALUES(1,1,'seed','0');
INSERT INTO "trial_user_attributes" VALUES(2,2,'seed','1');
INSERT INTO "trial_user_attributes" VALUES(3,3,'seed','2');
CREATE TABLE trial_values (
	trial_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	value FLOAT, 
	value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_value_id), 
	UNIQUE (trial_id, objective), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_values" VALUES(1,1,0,0.5,'FINITE');
INSERT INTO "trial_values" VALUES(2,2,0,NULL,'INF_POS');
INSERT INTO "trial_values" VALUES(3,3,0,0.75,'FINITE');
INSERT INTO "trial_values" VALUES(4,8,0,0.0,'FINITE');
INSERT INTO "trial_values" VALUES(5,8,1,0.0,'FINITE');
INSERT INTO "trial_values" VALUES(6,9,0,1.0,'FINITE');
INSERT INTO "trial_values" VALUES(7,9,1,1.0,'FINITE');
INSERT INTO "trial_values" VALUES(8,10,0,2.0,'FINITE');
INSERT INTO "trial_values" VALUES(9,10,1,2.0,'FINITE');
INSERT INTO "trial_values" VALUES(10,11,0,3.0,'FINITE');
INSERT INTO "trial_values" VALUES(11,11,1,0.0,'FINITE');
INSERT INTO "trial_values" VALUES(12,12,0,4.0,'FINITE');
INSERT INTO "trial_values" VALUES(13,12,1,1.0,'FINITE');
INSERT INTO "trial_values" VALUES(14,13,0,5.0,'FINITE');
INSERT INTO "trial_values" VALUES(15,13,1,2.0,'FINITE');
CREATE TABLE trials (
	trial_id INTEGER NOT NULL, 
	number INTEGER, 
	study_id INTEGER, 
	state VARCHAR(8) NOT NULL, 
	datetime_start DATETIME, 
	datetime_complete DATETIME, 
	PRIMARY KEY (trial_id), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "trials" VALUES(1,0,1,'COMPLETE','2026-05-01 12:00:00.000000','2026-05-01 12:00:00.500000');
INSERT INTO "trials" VALUES(2,1,1,'COMPLETE','2026-05-01 12:00:01.000000','2026-05-01 12:00:01.500000');
INSERT INTO "trials" VALUES(3,2,1,'COMPLETE','2026-05-01 12:00:02.000000','2026-05-01 12:00:02.500000');
INSERT INTO "trials" VALUES(4,3,1,'PRUNED','2026-05-01 12:00:04.000000','2026-05-01 12:00:04.500000');
INSERT INTO "trials" VALUES(5,4,1,'FAIL','2026-05-01 12:00:05.000000','2026-05-01 12:00:05.500000');
INSERT INTO "trials" VALUES(6,5,1,'RUNNING','2026-11-26 19:49:14.050698',NULL);
INSERT INTO "trials" VALUES(7,6,1,'WAITING',NULL,NULL);
INSERT INTO "trials" VALUES(8,0,2,'COMPLETE','2026-05-01 12:00:00.000000','2026-05-01 12:00:00.500000');
INSERT INTO "trials" VALUES(9,1,2,'COMPLETE','2026-05-01 12:00:01.000000','2026-05-01 12:00:01.500000');
INSERT INTO "trials" VALUES(10,2,2,'COMPLETE','2026-05-01 12:00:02.000000','2026-05-01 12:00:02.500000');
INSERT INTO "trials" VALUES(11,3,2,'COMPLETE','2026-05-01 12:00:03.000000','2026-05-01 12:00:03.500000');
INSERT INTO "trials" VALUES(12,4,2,'COMPLETE','2026-05-01 12:00:04.000000','2026-05-01 12:00:04.500000');
INSERT INTO "trials" VALUES(13,5,2,'COMPLETE','2026-05-01 12:00:05.000000','2026-05-01 12:00:05.500000');
CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL, 
	schema_version INTEGER, 
	library_version VARCHAR(256), 
	PRIMARY KEY (version_info_id), 
	CHECK (version_info_id=1)
);
INSERT INTO "version_info" VALUES(1,12,'5.0.0');
COMMIT;
