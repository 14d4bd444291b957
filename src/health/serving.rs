use tonic_health::pb::{HealthCheckResponse, health_check_response::ServingStatus};

pub(super) fn serving(leads: bool) -> ServingStatus {
    match leads {
        true => ServingStatus::Serving,
        false => ServingStatus::NotServing,
    }
}

pub(super) fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status.into(),
    }
}
