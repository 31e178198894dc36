locals {
  of_job          = "resource.type = \"dataflow_job\" AND resource.labels.job_name = \"newsevents\""
  of_subscription = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id"

  thresholds = {
    newsevents-system-lag = {
      says     = "An item has waited or been worked on for longer than ${var.most_lag_seconds} s. Look at the job's backlog and at what its slowest step does; raise max_workers when all of them are busy."
      filter   = "metric.type = \"dataflow.googleapis.com/job/system_lag\" AND ${local.of_job}"
      above    = var.most_lag_seconds
      duration = "300s"
      severity = "WARNING"
    }
    newsevents-data-freshness = {
      says     = "The newest results are older than ${var.most_lag_seconds} s: the job runs and does not keep up, or one item holds it."
      filter   = "metric.type = \"dataflow.googleapis.com/job/data_watermark_age\" AND ${local.of_job}"
      above    = var.most_lag_seconds
      duration = "300s"
      severity = "WARNING"
    }
    newsevents-job-failed = {
      says     = "The job has failed. Its messages wait in the subscription for seven days; start it again with the same command, which goes on from the tables."
      filter   = "metric.type = \"dataflow.googleapis.com/job/is_failed\" AND ${local.of_job}"
      above    = 0
      duration = "0s"
      severity = "CRITICAL"
    }
    newsevents-backlog-age = {
      says     = "The oldest waiting message is older than ${var.most_backlog_seconds} s: no job reads the subscription, or too slowly."
      filter   = "metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\" AND ${local.of_subscription} = \"${google_pubsub_subscription.items.name}\""
      above    = var.most_backlog_seconds
      duration = "300s"
      severity = "CRITICAL"
    }
    newsevents-dead-messages = {
      says     = "Pub/Sub has put messages aside that the job never acknowledged. Pull them from newsevents-dead-letters, mend what stopped them, publish them again."
      filter   = "metric.type = \"pubsub.googleapis.com/subscription/num_undelivered_messages\" AND ${local.of_subscription} = \"${google_pubsub_subscription.dead_letters.name}\""
      above    = 0
      duration = "0s"
      severity = "WARNING"
    }
  }
}

resource "google_monitoring_alert_policy" "threshold" {
  for_each = local.thresholds

  display_name          = each.key
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = var.notification_channels
  user_labels           = local.labels

  conditions {
    display_name = each.key

    condition_threshold {
      filter          = each.value.filter
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.above
      duration        = each.value.duration

      aggregations {
        alignment_period   = "60s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }

  documentation {
    content   = each.value.says
    mime_type = "text/markdown"
  }

  depends_on = [google_project_service.needed]
}

resource "google_monitoring_alert_policy" "dead_letters" {
  display_name          = "newsevents-dead-letters"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = var.notification_channels
  user_labels           = local.labels

  conditions {
    display_name = "newsevents-dead-letters"

    # Beam's counters arrive as gauges, so their growth is taken by delta.
    condition_prometheus_query_language {
      query               = "sum(delta(dataflow_googleapis_com:job_user_counter{monitored_resource=\"dataflow_job\",job_name=\"newsevents\",metric_name=~\"rejected_.*\"}[1h])) > ${var.most_dead_letters}"
      duration            = "0s"
      evaluation_interval = "60s"
    }
  }

  documentation {
    content   = "More than ${var.most_dead_letters} items were rejected within an hour. SELECT stage, reason, count(*) FROM dead_letters of today says which; a feed that changed its format is the usual cause."
    mime_type = "text/markdown"
  }

  depends_on = [google_project_service.needed]
}

resource "google_monitoring_alert_policy" "poller_down" {
  display_name          = "newsevents-poller-down"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = var.notification_channels
  user_labels           = local.labels

  conditions {
    display_name = "newsevents-poller-down"

    condition_absent {
      filter   = "metric.type = \"pubsub.googleapis.com/topic/send_request_count\" AND resource.type = \"pubsub_topic\" AND resource.labels.topic_id = \"${google_pubsub_topic.items.name}\""
      duration = "${var.quiet_minutes * 60}s"

      aggregations {
        alignment_period   = "60s"
        per_series_aligner = "ALIGN_RATE"
      }
    }
  }

  documentation {
    content   = "Nothing was published for ${var.quiet_minutes} minutes. Look at the log of the worker pool newsevents-poller: a list of feeds that cannot be read, or no way to the internet."
    mime_type = "text/markdown"
  }

  depends_on = [google_project_service.needed]
}

resource "google_monitoring_alert_policy" "no_job" {
  count = var.run_job ? 1 : 0

  display_name          = "newsevents-no-job"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = var.notification_channels
  user_labels           = local.labels

  conditions {
    display_name = "newsevents-no-job"

    condition_absent {
      filter   = "metric.type = \"dataflow.googleapis.com/job/system_lag\" AND ${local.of_job}"
      duration = "900s"

      aggregations {
        alignment_period   = "60s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }

  documentation {
    content   = "No job named newsevents has told its lag for 15 minutes: it was cancelled or drained, or an update left none behind."
    mime_type = "text/markdown"
  }

  depends_on = [google_project_service.needed]
}
