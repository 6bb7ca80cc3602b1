-- model-training list and show say what served when.
GRANT SELECT ON green_ml.served TO green_ml_trainer, green_ml_scheduler;
