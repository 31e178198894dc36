# The tables are made by the job, from the one definition in schemas/: partitions, clusters,
# descriptions and columns that a later version adds.
resource "google_bigquery_dataset" "newsevents" {
  dataset_id                 = var.dataset
  location                   = var.bigquery_location
  description                = "Articles, events and what became of every item that newsevents read."
  labels                     = local.labels
  delete_contents_on_destroy = !var.deletion_protection
  max_time_travel_hours      = "168"

  depends_on = [google_project_service.needed]
}
