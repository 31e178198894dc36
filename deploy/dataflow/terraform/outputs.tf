output "worker_image" {
  description = "What the worker image is pushed as."
  value       = local.worker_image
}

output "poller_image" {
  description = "What the poller image is pushed as."
  value       = local.poller_image
}

output "template" {
  description = "Specification of the Flex Template of this release."
  value       = "gs://${google_storage_bucket_object.template.bucket}/${google_storage_bucket_object.template.name}"
}

output "topic" {
  description = "Topic that items are published to."
  value       = google_pubsub_topic.items.id
}

output "subscription" {
  description = "Subscription that the job reads."
  value       = google_pubsub_subscription.items.id
}

output "dataset" {
  description = "Value of --output."
  value       = "bigquery:${var.project}.${google_bigquery_dataset.newsevents.dataset_id}"
}

output "job_id" {
  description = "Id of the running job, if there is one."
  value       = one(google_dataflow_flex_template_job.newsevents[*].job_id)
}

output "service_accounts" {
  description = "The three accounts, by what they are for."
  value = {
    worker   = google_service_account.worker.email
    deployer = google_service_account.deployer.email
    poller   = google_service_account.poller.email
  }
}
