"""Tell desks by webhook of events that break: what to say is decided here, purely, and sent."""
