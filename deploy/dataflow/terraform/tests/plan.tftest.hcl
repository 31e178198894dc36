# terraform test: plans with invented answers of the cloud, so it needs no account.
mock_provider "google" {}
mock_provider "google-beta" {}

variables {
  project = "my-project"
  release = "0.1.0"
}

run "a_plain_plan_reads_pubsub_and_writes_bigquery" {
  command = apply

  assert {
    condition     = google_dataflow_flex_template_job.newsevents[0].parameters["output"] == "bigquery:my-project.newsevents"
    error_message = "The job writes somewhere else."
  }

  assert {
    condition     = google_dataflow_flex_template_job.newsevents[0].parameters["dataflow_service_options"] == "min_num_workers=1,enable_dynamic_thread_scaling"
    error_message = "Without a GPU there is none to ask for."
  }

  assert {
    condition     = google_dataflow_flex_template_job.newsevents[0].parameters["window_days"] == "14"
    error_message = "A whole number of days is written without a point."
  }

  assert {
    condition     = google_dataflow_flex_template_job.newsevents[0].sdk_container_image == "europe-west1-docker.pkg.dev/my-project/newsevents/worker:0.1.0"
    error_message = "Workers run another image than the template was built from."
  }

  assert {
    condition     = !contains(keys(google_dataflow_flex_template_job.newsevents[0].parameters), "pubsub_topic")
    error_message = "Events are published although nobody asked for it."
  }

  assert {
    condition     = google_dataflow_flex_template_job.newsevents[0].on_delete == "drain"
    error_message = "A job that is replaced would lose what it holds."
  }
}

run "a_gpu_and_a_topic_of_events_are_asked_for" {
  command = apply

  variables {
    gpu            = "nvidia-l4"
    publish_events = true
    machine_type   = "g2-standard-4"
  }

  assert {
    condition     = google_dataflow_flex_template_job.newsevents[0].parameters["dataflow_service_options"] == "min_num_workers=1,enable_dynamic_thread_scaling,worker_accelerator=type:nvidia-l4;count:1;install-nvidia-driver"
    error_message = "The GPU is not asked for as the service wants it."
  }

  assert {
    condition     = contains(keys(google_dataflow_flex_template_job.newsevents[0].parameters), "pubsub_topic")
    error_message = "The topic is not given to the job."
  }
}

run "before_the_first_images_there_is_no_job_and_no_poller" {
  command = apply

  variables {
    run_job = false
  }

  assert {
    condition     = length(google_dataflow_flex_template_job.newsevents) + length(google_cloud_run_v2_worker_pool.poller) == 0
    error_message = "Something would start that has no image yet."
  }

  assert {
    condition     = length(google_pubsub_topic.events) == 0
    error_message = "There is a topic that nobody publishes to."
  }
}

run "without_attempts_no_message_is_put_aside" {
  command = plan

  variables {
    delivery_attempts = 0
  }

  assert {
    condition     = length(google_pubsub_subscription.items.dead_letter_policy) == 0
    error_message = "Messages are put aside although 0 says never."
  }
}

run "options_get_to_the_job" {
  command = apply

  variables {
    options   = { store_text = "none", fetch_pages = "true", granularity = "story" }
    operators = ["user:editor@example.org"]
  }

  assert {
    condition     = google_dataflow_flex_template_job.newsevents[0].parameters["store_text"] == "none"
    error_message = "Texts are stored although nobody wants them."
  }

  assert {
    condition     = google_dataflow_flex_template_job.newsevents[0].parameters["streaming"] == "true"
    error_message = "Options take the place of what the job needs."
  }

  assert {
    condition     = google_service_account_iam_member.operators_as_deployer["user:editor@example.org"].role == "roles/iam.serviceAccountTokenCreator"
    error_message = "An operator may not act as the deployer."
  }
}

run "an_option_nobody_knows_is_refused" {
  command = plan

  variables {
    options = { store_texts = "none" }
  }

  expect_failures = [var.options]
}

run "an_option_with_a_bad_value_is_refused" {
  command = plan

  variables {
    options = { store_text = "nothing" }
  }

  expect_failures = [var.options]
}

run "an_option_that_terraform_sets_is_refused" {
  command = plan

  variables {
    options = { output = "bigquery:my-project.other" }
  }

  expect_failures = [var.options]
}

run "the_public_is_no_operator" {
  command = plan

  variables {
    operators = ["allAuthenticatedUsers"]
  }

  expect_failures = [var.operators]
}

run "latest_is_no_release" {
  command = plan

  variables {
    release = "latest"
  }

  expect_failures = [var.release]
}

run "bad_values_are_refused" {
  command = plan

  variables {
    project               = "My Project"
    region                = "Europe"
    bigquery_method       = "magic"
    delivery_attempts     = 3
    max_workers           = 0
    feeds                 = ["feeds.txt"]
    notification_channels = ["me@example.org"]
  }

  expect_failures = [
    var.project,
    var.region,
    var.bigquery_method,
    var.delivery_attempts,
    var.max_workers,
    var.feeds,
    var.notification_channels,
  ]
}
