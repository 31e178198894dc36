locals {
  images       = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}"
  worker_image = "${local.images}/worker:${var.release}"
  poller_image = "${local.images}/poller:${var.release}"

  # All workers get the accelerator; a hint on single steps would need Dataflow Prime.
  service_options = compact([
    "min_num_workers=${var.min_workers}",
    "enable_dynamic_thread_scaling",
    var.gpu == null ? "" : "worker_accelerator=type:${coalesce(var.gpu, "none")};count:1;install-nvidia-driver",
  ])

  metadata = jsondecode(file("${path.module}/../metadata.json"))

  # What `options` may hold: the template's parameters but those that are set below, and `overwrite`,
  # which the command refuses together with `resume`.
  patterns = {
    for parameter in local.metadata.parameters : parameter.name => parameter.regexes[0]
    if !contains(local.set_here, parameter.name)
  }
  set_here = [
    "streaming", "resume", "overwrite", "pubsub_subscription", "pubsub_topic", "output", "bigquery_method",
    "window_days", "number_of_worker_harness_threads", "dataflow_service_options", "resource_hints",
    "disk_size_gb", "sdk_container_image",
  ]
}

# The specification that `gcloud dataflow flex-template build` would write.
resource "google_storage_bucket_object" "template" {
  bucket       = google_storage_bucket.templates.name
  name         = "newsevents-${var.release}.json"
  content_type = "application/json"
  content = jsonencode({
    image    = local.worker_image
    sdkInfo  = { language = "PYTHON" }
    metadata = local.metadata
  })
}

resource "google_dataflow_flex_template_job" "newsevents" {
  provider = google-beta
  count    = var.run_job ? 1 : 0

  name                    = "newsevents"
  region                  = var.region
  container_spec_gcs_path = "gs://${google_storage_bucket_object.template.bucket}/${google_storage_bucket_object.template.name}"
  labels                  = local.labels

  service_account_email = google_service_account.worker.email
  sdk_container_image   = local.worker_image
  staging_location      = "gs://${google_storage_bucket.staging.name}/staging"
  temp_location         = "gs://${google_storage_bucket.staging.name}/tmp"

  machine_type            = var.machine_type
  launcher_machine_type   = "n1-standard-2"
  num_workers             = var.min_workers
  max_workers             = var.max_workers
  autoscaling_algorithm   = "THROUGHPUT_BASED"
  enable_streaming_engine = true
  subnetwork              = var.subnetwork
  ip_configuration        = var.public_addresses ? "WORKER_IP_PUBLIC" : "WORKER_IP_PRIVATE"

  # Nothing that was taken is lost: the job ends once all of it is written.
  on_delete                    = "drain"
  skip_wait_on_job_termination = false

  # Steps that have another name than in the last release.
  transform_name_mapping = jsondecode(file("${path.module}/../renamed_steps.json"))

  parameters = merge(
    var.options,
    {
      streaming                        = "true"
      resume                           = "true"
      pubsub_subscription              = google_pubsub_subscription.items.id
      output                           = "bigquery:${var.project}.${google_bigquery_dataset.newsevents.dataset_id}"
      bigquery_method                  = var.bigquery_method
      window_days                      = tostring(var.window_days)
      number_of_worker_harness_threads = tostring(var.harness_threads)
      dataflow_service_options         = join(",", local.service_options)
      resource_hints                   = "min_ram=${var.min_ram_gb}GB"
      disk_size_gb                     = "50"
    },
    var.publish_events ? { pubsub_topic = google_pubsub_topic.events[0].id } : {},
  )

  # A job that starts before it may do its work fails at once.
  depends_on = [
    google_artifact_registry_repository_iam_member.worker,
    google_bigquery_dataset_iam_member.worker,
    google_project_iam_member.worker,
    google_pubsub_subscription_iam_member.worker,
    google_pubsub_topic_iam_member.worker_events,
    google_storage_bucket_iam_member.worker_staging,
    google_storage_bucket_iam_member.worker_templates,
  ]
}
