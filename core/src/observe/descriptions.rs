use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Tells the recorder of `metrics` what each of annals' metrics is, and in which unit: for its help texts. Call it once,
/// after the recorder was installed. The metrics are there without it.
pub fn describe_metrics() {
    describe_counter!(
        "annals_commands_total",
        Unit::Count,
        "Commands that were answered, by outcome"
    );
    describe_counter!(
        "annals_command_conflicts_total",
        Unit::Count,
        "Appends that were refused because another writer was faster"
    );
    describe_counter!(
        "annals_command_retries_total",
        Unit::Count,
        "Tries of a command after its first, for a conflict or a store that was lost"
    );
    describe_histogram!(
        "annals_command_duration_seconds",
        Unit::Seconds,
        "From the start of a command to its answer, with all tries"
    );
    describe_counter!(
        "annals_snapshots_total",
        Unit::Count,
        "Snapshots that were to be taken, by outcome"
    );
    describe_counter!(
        "annals_snapshots_ignored_total",
        Unit::Count,
        "Times that an entity was folded from its first event because its snapshot could not be used"
    );
    describe_histogram!(
        "annals_snapshot_duration_seconds",
        Unit::Seconds,
        "From the start of a snapshot to the store's answer"
    );
    describe_counter!("annals_follower_batches_total", Unit::Count, "Steps committed");
    describe_counter!("annals_follower_events_total", Unit::Count, "Events handled");
    describe_counter!(
        "annals_follower_failures_total",
        Unit::Count,
        "Tries of an event that failed, by the kind of failure"
    );
    describe_counter!(
        "annals_follower_retries_total",
        Unit::Count,
        "Failures after which the event is tried again by itself"
    );
    describe_counter!("annals_follower_parked_total", Unit::Count, "Events put aside");
    describe_counter!(
        "annals_follower_interruptions_total",
        Unit::Count,
        "Times that the work was interrupted because the store failed"
    );
    describe_counter!(
        "annals_follower_rebuilds_total",
        Unit::Count,
        "Rebuilds that ended, by outcome"
    );
    describe_histogram!(
        "annals_follower_step_duration_seconds",
        Unit::Seconds,
        "From the first event of a step to the answer of its commit"
    );
    describe_gauge!(
        "annals_follower_position",
        Unit::Count,
        "Everything up to this position of the global stream was handled"
    );
    describe_gauge!(
        "annals_follower_lag_events",
        Unit::Count,
        "Positions between the part and the end of the global stream"
    );
    describe_gauge!(
        "annals_follower_lag_seconds",
        Unit::Seconds,
        "Age of the oldest event that the part has not handled"
    );
    describe_gauge!("annals_follower_parked_events", Unit::Count, "Events that are put aside");
}
