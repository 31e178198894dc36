variable "project" {
  description = "Id of the project that everything is made in."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project id has 6 to 30 small letters, digits and hyphens and begins with a letter."
  }
}

variable "region" {
  description = "Region of the job, the topics, the buckets and the poller."
  type        = string
  default     = "europe-west1"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region looks like europe-west1."
  }
}

variable "bigquery_location" {
  description = "Location of the dataset; it cannot be changed later."
  type        = string
  default     = "EU"

  validation {
    condition     = can(regex("^([A-Z]{2}|[a-z]+-[a-z]+[0-9]+)$", var.bigquery_location))
    error_message = "A location is EU, US or a region such as europe-west1."
  }
}

variable "dataset" {
  description = "Name of the dataset for the tables."
  type        = string
  default     = "newsevents"

  validation {
    condition     = can(regex("^[A-Za-z0-9_]+$", var.dataset))
    error_message = "A dataset's name has letters, digits and underscores."
  }
}

variable "release" {
  description = "Tag of the images to run; the one before it is what a roll-back names."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9._-]{0,62}$", var.release)) && var.release != "latest"
    error_message = "Name a release by a tag that never moves, such as 0.1.0; not latest."
  }
}

variable "run_job" {
  description = "Whether the streaming job and the poller run; false makes all that they need and no more, as for the first images."
  type        = bool
  default     = true
}

variable "feeds" {
  description = "Addresses of the feeds that the poller asks."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for feed in var.feeds : can(regex("^https?://[^\\s]+$", feed))])
    error_message = "Each feed is an http or https address."
  }
}

variable "publish_events" {
  description = "Whether the job publishes changes of events to a topic of their own."
  type        = bool
  default     = false
}

variable "bigquery_method" {
  description = "How rows reach BigQuery."
  type        = string
  default     = "storage_write"

  validation {
    condition     = contains(["storage_write", "streaming_inserts"], var.bigquery_method)
    error_message = "storage_write or streaming_inserts."
  }
}

variable "window_days" {
  description = "Days an article is compared with, and an event stays open without a new one."
  type        = number
  default     = 14

  validation {
    condition     = var.window_days > 0 && var.window_days <= 365
    error_message = "More than 0 and at most 365 days."
  }
}

variable "options" {
  description = "Further parameters of the template, by the names in metadata.json, such as store_text = \"none\"."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name, value in var.options : can(regex(local.patterns[name], value))])
    error_message = "Each is a parameter in metadata.json with a value that its pattern takes, and none that Terraform sets itself: ${join(", ", sort(keys(local.patterns)))}."
  }
}

variable "machine_type" {
  description = "Machine of a worker; the model, its copy of the window and Beam need about 4 GB a process."
  type        = string
  default     = "n2-standard-4"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)+$", var.machine_type))
    error_message = "A machine type looks like n2-standard-4."
  }
}

variable "min_workers" {
  description = "Workers at the start, and the least that autoscaling leaves."
  type        = number
  default     = 1

  validation {
    condition     = var.min_workers >= 1 && floor(var.min_workers) == var.min_workers
    error_message = "A whole number of at least 1."
  }
}

variable "max_workers" {
  description = "Most workers that autoscaling starts: the bound of the cost."
  type        = number
  default     = 4

  validation {
    condition     = var.max_workers >= var.min_workers && var.max_workers <= 100
    error_message = "From min_workers to 100."
  }
}

variable "harness_threads" {
  description = "Bundles that one Python process takes at a time."
  type        = number
  default     = 4

  validation {
    condition     = var.harness_threads >= 1 && var.harness_threads <= 500
    error_message = "From 1 to 500."
  }
}

variable "min_ram_gb" {
  description = "Resource hint: memory that each worker has at least, in GB."
  type        = number
  default     = 8

  validation {
    condition     = var.min_ram_gb >= 4 && var.min_ram_gb <= 624
    error_message = "From 4 to 624."
  }
}

variable "gpu" {
  description = "Accelerator of each worker, such as nvidia-tesla-t4 or nvidia-l4; null for none. Needs an image built for CUDA and a machine type that takes it."
  type        = string
  default     = null

  validation {
    condition     = var.gpu == null || can(regex("^nvidia-[a-z0-9-]+$", coalesce(var.gpu, "nvidia-l4")))
    error_message = "An accelerator looks like nvidia-l4."
  }
}

variable "subnetwork" {
  description = "Sub-network of the workers, as regions/REGION/subnetworks/NAME, with Private Google Access; null for the default network."
  type        = string
  default     = null
}

variable "public_addresses" {
  description = "Whether workers have public addresses; without, reading pages needs Cloud NAT."
  type        = bool
  default     = false
}

variable "delivery_attempts" {
  description = "Deliveries after which Pub/Sub puts a message aside into the dead-letter topic: 5 to 100, or 0 for never."
  type        = number
  default     = 100

  validation {
    condition     = var.delivery_attempts == 0 || (var.delivery_attempts >= 5 && var.delivery_attempts <= 100)
    error_message = "From 5 to 100, or 0."
  }
}

variable "operators" {
  description = "Who may act as the deployer, as user:…, group:… or serviceAccount:…; nobody by default."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.operators : can(regex("^(user|group|serviceAccount):[^@\\s:]+@[^@\\s:]+$", member))])
    error_message = "Each is user:, group: or serviceAccount: with an address; never allUsers or allAuthenticatedUsers."
  }
}

variable "notification_channels" {
  description = "Channels that alerts are sent to, as projects/PROJECT/notificationChannels/ID."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for channel in var.notification_channels : can(regex("^projects/[^/]+/notificationChannels/[0-9]+$", channel))])
    error_message = "A channel looks like projects/PROJECT/notificationChannels/123."
  }
}

variable "most_lag_seconds" {
  description = "System lag and age of the data that alert."
  type        = number
  default     = 600

  validation {
    condition     = var.most_lag_seconds >= 60
    error_message = "At least 60 seconds."
  }
}

variable "most_backlog_seconds" {
  description = "Age of the oldest waiting message that alerts."
  type        = number
  default     = 900

  validation {
    condition     = var.most_backlog_seconds >= 60
    error_message = "At least 60 seconds."
  }
}

variable "most_dead_letters" {
  description = "Rejected items an hour that alert."
  type        = number
  default     = 500

  validation {
    condition     = var.most_dead_letters >= 1
    error_message = "At least 1."
  }
}

variable "quiet_minutes" {
  description = "Minutes without anything published after which the poller counts as down; longer than the longest time between two polls of the busiest feed."
  type        = number
  default     = 30

  validation {
    condition     = var.quiet_minutes >= 5 && var.quiet_minutes <= 1410
    error_message = "From 5 minutes to 23.5 hours."
  }
}

variable "deletion_protection" {
  description = "Whether dataset and poller refuse to be destroyed with what is in them."
  type        = bool
  default     = true
}
