# What the poller publishes and the job reads: one article or one feed document a message.
resource "google_pubsub_topic" "items" {
  name   = "newsevents-items"
  labels = local.labels
  # A new subscription, or one that is set back, can read this far into the past.
  message_retention_duration = "604800s"

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [google_project_service.needed]
}

resource "google_pubsub_subscription" "items" {
  name   = "newsevents-items"
  topic  = google_pubsub_topic.items.id
  labels = local.labels
  # Dataflow extends it itself and acknowledges what its first stage has stored.
  ack_deadline_seconds       = 60
  message_retention_duration = "604800s"
  # Dataflow drops repeats itself; with it switched on here its reader is slower.
  enable_exactly_once_delivery = false

  expiration_policy {
    ttl = "" # never, also while no job runs
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  # Messages that cannot be read are rows of dead_letters, written by the job; this one is for
  # what never gets that far.
  dynamic "dead_letter_policy" {
    for_each = var.delivery_attempts == 0 ? [] : [var.delivery_attempts]

    content {
      dead_letter_topic     = google_pubsub_topic.dead_letters.id
      max_delivery_attempts = dead_letter_policy.value
    }
  }
}

resource "google_pubsub_topic" "dead_letters" {
  name   = "newsevents-dead-letters"
  labels = local.labels

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [google_project_service.needed]
}

# Keeps them to be looked at, and put back by hand.
resource "google_pubsub_subscription" "dead_letters" {
  name                       = "newsevents-dead-letters"
  topic                      = google_pubsub_topic.dead_letters.id
  labels                     = local.labels
  ack_deadline_seconds       = 60
  message_retention_duration = "2678400s" # 31 days, the longest there is

  expiration_policy {
    ttl = ""
  }
}

resource "google_pubsub_topic" "events" {
  count = var.publish_events ? 1 : 0

  name   = "newsevents-events"
  labels = local.labels

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [google_project_service.needed]
}
