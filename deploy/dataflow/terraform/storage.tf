# Staged files of jobs, and temporary ones of load jobs.
resource "google_storage_bucket" "staging" {
  name                        = "${var.project}-newsevents-staging"
  location                    = var.region
  labels                      = local.labels
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  # What a running job staged is read again when a worker starts, so only the temporary part ages.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = 14
      matches_prefix = ["tmp/"]
    }
  }

  soft_delete_policy {
    retention_duration_seconds = 0
  }

  depends_on = [google_project_service.needed]
}

# Specifications of the Flex Template, one for each release: a roll-back needs the old ones.
resource "google_storage_bucket" "templates" {
  name                        = "${var.project}-newsevents-templates"
  location                    = var.region
  labels                      = local.labels
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      num_newer_versions = 10
      with_state         = "ARCHIVED"
    }
  }

  depends_on = [google_project_service.needed]
}

# The poller's list of feeds and what it remembers of them.
resource "google_storage_bucket" "poller" {
  name                        = "${var.project}-newsevents-poller"
  location                    = var.region
  labels                      = local.labels
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  # With real folders a file is renamed in one step, which is how the poller replaces its state.
  hierarchical_namespace {
    enabled = true
  }

  depends_on = [google_project_service.needed]
}

resource "google_storage_bucket_object" "feeds" {
  bucket  = google_storage_bucket.poller.name
  name    = "feeds.txt"
  content = join("\n", concat(var.feeds, [""]))
}

resource "google_artifact_registry_repository" "images" {
  repository_id = "newsevents"
  location      = var.region
  format        = "DOCKER"
  labels        = local.labels

  docker_config {
    immutable_tags = true
  }

  cleanup_policies {
    id     = "newsevents-keep-releases"
    action = "KEEP"

    most_recent_versions {
      keep_count = 10
    }
  }

  cleanup_policies {
    id     = "newsevents-delete-old"
    action = "DELETE"

    condition {
      older_than = "7776000s"
    }
  }

  depends_on = [google_project_service.needed]
}
