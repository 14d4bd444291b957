//! Formats inputs and actions briefly for a trace.

use noleader::lease::{Action, Input, Observation, Record};

pub(crate) fn input(input: &Input) -> String {
    match input {
        Input::Pushed(seen) => format!("pushed {}", observation(seen)),
        Input::Read {
            attempt,
            seen: Some(seen),
        } => format!("read #{attempt}: {}", observation(seen)),
        Input::Read { attempt, .. } => format!("read #{attempt}: failed"),
        Input::Written { attempt, outcome } => format!("write #{attempt}: {outcome:?}"),
        input => format!("{input:?}"),
    }
}

pub(crate) fn action(action: &Action) -> String {
    match action {
        Action::Write {
            attempt,
            expected,
            record,
        } => format!("write #{attempt} over {expected}: {}", self::record(record)),
        Action::Read { attempt } => format!("read #{attempt}"),
        action => format!("{action:?}"),
    }
}

fn observation(seen: &Observation) -> String {
    let revision = seen.revision();
    match &seen.value() {
        None => format!("{revision}, absent"),
        Some(bytes) => match Record::decode(revision, bytes) {
            Ok(found) => format!("{revision}, {}", record(&found)),
            Err(why) => format!("{revision}, garbage ({why})"),
        },
    }
}

fn record(record: &Record) -> String {
    let (token, floor) = (record.token, record.floor);
    match &record.holder {
        Some(holder) => format!(
            "held by {holder} for {:?}, token {token}, floor {floor}, renewal {}",
            record.lease(),
            record.renewal
        ),
        None if record.vacant => format!("vacant for {:?}, floor {floor}", record.lease()),
        None => format!("released, token {token}, floor {floor}"),
    }
}
