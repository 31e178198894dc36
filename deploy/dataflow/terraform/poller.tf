# One instance that always runs and answers no requests: a worker pool.
resource "google_cloud_run_v2_worker_pool" "poller" {
  count = var.run_job ? 1 : 0

  name                = "newsevents-poller"
  location            = var.region
  labels              = local.labels
  launch_stage        = "BETA"
  deletion_protection = var.deletion_protection

  scaling {
    scaling_mode          = "MANUAL"
    manual_instance_count = 1
  }

  template {
    service_account = google_service_account.poller.email
    # The list is read at the start, so another list is another revision.
    annotations = { newsevents-feeds = sha256(google_storage_bucket_object.feeds.content) }

    containers {
      name  = "poller"
      image = local.poller_image
      args = [
        "--feeds", "/mnt/poller/feeds.txt",
        "--topic", google_pubsub_topic.items.id,
        "--state", "/mnt/poller/feeds.jsonl",
      ]

      resources {
        limits = {
          cpu    = "1"
          memory = "2Gi"
        }
      }

      volume_mounts {
        name       = "poller"
        mount_path = "/mnt/poller"
      }
    }

    volumes {
      name = "poller"

      gcs {
        bucket    = google_storage_bucket.poller.name
        read_only = false
      }
    }
  }

  depends_on = [
    google_pubsub_topic_iam_member.poller,
    google_storage_bucket_iam_member.poller,
    google_storage_bucket_object.feeds,
  ]
}
