use uuid::Uuid;

/// A source of random numbers: the operating system, or a seed in simulations.
#[derive(Clone, Debug, Default)]
pub struct Random(Kind);

#[derive(Clone, Debug, Default)]
enum Kind {
    #[default]
    System,
    #[cfg(feature = "test-util")]
    Seeded(std::sync::Arc<std::sync::Mutex<fastrand::Rng>>),
}

impl Random {
    /// Creates a source that repeats itself for the same seed. Clones share one sequence.
    #[cfg(feature = "test-util")]
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        let rng = fastrand::Rng::with_seed(seed);
        Self(Kind::Seeded(std::sync::Arc::new(std::sync::Mutex::new(
            rng,
        ))))
    }

    /// A seed for a generator of its own.
    pub(crate) fn seed(&self) -> u64 {
        match &self.0 {
            Kind::System => fastrand::u64(..),
            #[cfg(feature = "test-util")]
            Kind::Seeded(rng) => lock(rng).u64(..),
        }
    }

    /// 128 random bits, which also differ between copies of this process's image if they come from the operating
    /// system. A generator in the process, such as that of uuid's feature `fast-rng`, would repeat them.
    ///
    /// # Panics
    ///
    /// Panics if the operating system has no random numbers.
    pub(crate) fn bits(&self) -> u128 {
        match &self.0 {
            Kind::System => {
                let mut bytes = [0; 16];
                if let Err(error) = getrandom::fill(&mut bytes) {
                    panic!("the operating system has no random numbers: {error}");
                }
                u128::from_ne_bytes(bytes)
            }
            #[cfg(feature = "test-util")]
            Kind::Seeded(rng) => lock(rng).u128(..),
        }
    }

    /// A random UUID, from [`bits`](Self::bits).
    pub(crate) fn uuid(&self) -> Uuid {
        let bytes = self.bits().to_ne_bytes();
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}

#[cfg(feature = "test-util")]
fn lock(rng: &std::sync::Mutex<fastrand::Rng>) -> std::sync::MutexGuard<'_, fastrand::Rng> {
    rng.lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(all(test, feature = "test-util"))]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_numbers() {
        let draw = |random: &Random| (random.seed(), random.uuid(), random.seed());
        assert_eq!(draw(&Random::seeded(1)), draw(&Random::seeded(1)));
        assert_ne!(draw(&Random::seeded(1)), draw(&Random::seeded(2)));
        let random = Random::seeded(1);
        assert_ne!(draw(&random), draw(&random.clone()));
        assert_eq!(random.uuid().get_version_num(), 4);
    }

    #[test]
    fn system_numbers_differ() {
        let random = Random::default();
        assert_ne!(random.uuid(), random.uuid());
        assert_ne!(random.seed(), random.seed());
        assert_ne!(random.bits(), random.bits());
    }
}
