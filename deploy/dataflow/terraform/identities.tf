# Three accounts: none can do another's work, and only what has no resource of its own is granted
# on the project.
resource "google_service_account" "worker" {
  account_id   = "newsevents-worker"
  display_name = "newsevents: workers and launcher of the Dataflow job"

  depends_on = [google_project_service.needed]
}

resource "google_service_account" "deployer" {
  account_id   = "newsevents-deployer"
  display_name = "newsevents: pushes images, stages templates, starts, updates and drains jobs"

  depends_on = [google_project_service.needed]
}

resource "google_service_account" "poller" {
  account_id   = "newsevents-poller"
  display_name = "newsevents: asks feeds and publishes what they answer"

  depends_on = [google_project_service.needed]
}

locals {
  worker   = google_service_account.worker.member
  deployer = google_service_account.deployer.member
  poller   = google_service_account.poller.member
  pubsub   = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

# Roles that have no narrower place than the project.
resource "google_project_iam_member" "worker" {
  for_each = toset([
    "roles/dataflow.worker",          # take work from the service, write logs and metrics
    "roles/bigquery.jobUser",         # start load and query jobs
    "roles/bigquery.readSessionUser", # read by stream what a job goes on from
  ])

  project = var.project
  role    = each.value
  member  = local.worker
}

resource "google_project_iam_member" "deployer" {
  project = var.project
  role    = "roles/dataflow.developer" # start, update, drain and look at jobs
  member  = local.deployer
}

resource "google_pubsub_subscription_iam_member" "worker" {
  for_each = toset(["roles/pubsub.subscriber", "roles/pubsub.viewer"])

  subscription = google_pubsub_subscription.items.name
  role         = each.value
  member       = local.worker
}

resource "google_pubsub_topic_iam_member" "worker_events" {
  count = var.publish_events ? 1 : 0

  topic  = google_pubsub_topic.events[0].name
  role   = "roles/pubsub.publisher"
  member = local.worker
}

resource "google_pubsub_topic_iam_member" "poller" {
  topic  = google_pubsub_topic.items.name
  role   = "roles/pubsub.publisher"
  member = local.poller
}

# Pub/Sub itself moves what is put aside.
resource "google_pubsub_topic_iam_member" "pubsub_dead_letters" {
  topic  = google_pubsub_topic.dead_letters.name
  role   = "roles/pubsub.publisher"
  member = local.pubsub
}

resource "google_pubsub_subscription_iam_member" "pubsub_dead_letters" {
  subscription = google_pubsub_subscription.items.name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub
}

resource "google_bigquery_dataset_iam_member" "worker" {
  dataset_id = google_bigquery_dataset.newsevents.dataset_id
  role       = "roles/bigquery.dataEditor"
  member     = local.worker
}

resource "google_storage_bucket_iam_member" "worker_staging" {
  bucket = google_storage_bucket.staging.name
  role   = "roles/storage.objectAdmin"
  member = local.worker
}

resource "google_storage_bucket_iam_member" "worker_templates" {
  bucket = google_storage_bucket.templates.name
  role   = "roles/storage.objectViewer"
  member = local.worker
}

resource "google_storage_bucket_iam_member" "deployer" {
  for_each = {
    staging   = google_storage_bucket.staging.name
    templates = google_storage_bucket.templates.name
  }

  bucket = each.value
  role   = "roles/storage.objectAdmin"
  member = local.deployer
}

resource "google_storage_bucket_iam_member" "poller" {
  bucket = google_storage_bucket.poller.name
  role   = "roles/storage.objectUser"
  member = local.poller
}

resource "google_artifact_registry_repository_iam_member" "worker" {
  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.reader"
  member     = local.worker
}

resource "google_artifact_registry_repository_iam_member" "deployer" {
  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.writer"
  member     = local.deployer
}

# Whoever starts a job has to be allowed to let it run as the worker.
resource "google_service_account_iam_member" "deployer_as_worker" {
  service_account_id = google_service_account.worker.name
  role               = "roles/iam.serviceAccountUser"
  member             = local.deployer
}

# Whoever is to act as the deployer without a key.
resource "google_service_account_iam_member" "operators_as_deployer" {
  for_each = toset(var.operators)

  service_account_id = google_service_account.deployer.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = each.value
}
