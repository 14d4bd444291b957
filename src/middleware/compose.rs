use std::time::Duration;

use super::{
    action::sealed::Sealed,
    cancel_on_loss::CancelOnLoss,
    fail::Fail,
    forward::{Forward, Forwards},
    redirect::Redirect,
    reject::Reject,
    reject_with::RejectWith,
    wait_up_to::WaitUpTo,
};

/// The default action, used until another is chosen: [`Reject`], on its own or inside [`WaitUpTo`] and
/// [`CancelOnLoss`].
///
/// The chosen action replaces [`Reject`], so the settings of a layer can be given in any order. This trait is sealed.
pub trait Undecided: Sealed {
    /// This action, with `A` in place of [`Reject`].
    type Decided<A>;

    #[doc(hidden)]
    fn decide<A>(self, choose: impl FnOnce(Reject) -> A) -> Self::Decided<A>;
}

impl Undecided for Reject {
    type Decided<A> = A;

    fn decide<A>(self, choose: impl FnOnce(Reject) -> A) -> A {
        choose(self)
    }
}

impl<U: Undecided> Undecided for WaitUpTo<U> {
    type Decided<A> = WaitUpTo<U::Decided<A>>;

    fn decide<A>(self, choose: impl FnOnce(Reject) -> A) -> Self::Decided<A> {
        self.map(|action| action.decide(choose))
    }
}

impl<U: Undecided> Undecided for CancelOnLoss<U> {
    type Decided<A> = CancelOnLoss<U::Decided<A>>;

    fn decide<A>(self, choose: impl FnOnce(Reject) -> A) -> Self::Decided<A> {
        CancelOnLoss(self.0.decide(choose))
    }
}

/// An action that does not hold requests: every action but [`WaitUpTo`]. This trait is sealed.
pub trait Immediate: Sealed {}

impl Immediate for Reject {}
impl<F> Immediate for RejectWith<F> {}
impl Immediate for Redirect {}
impl<C> Immediate for Forward<C> {}
impl Immediate for Fail {}
impl<A> Immediate for CancelOnLoss<A> {}

/// An action that [`CancelOnLoss`] can wrap: every action but [`Fail`], whose responses may be of any type, and
/// [`CancelOnLoss`] itself. This trait is sealed.
pub trait Cancellable: Sealed + Sized {
    /// This action, wrapped in [`CancelOnLoss`].
    type OnLoss;

    #[doc(hidden)]
    fn on_loss(self) -> Self::OnLoss;
}

impl Cancellable for Reject {
    type OnLoss = CancelOnLoss<Self>;

    fn on_loss(self) -> CancelOnLoss<Self> {
        CancelOnLoss(self)
    }
}

impl<F> Cancellable for RejectWith<F> {
    type OnLoss = CancelOnLoss<Self>;

    fn on_loss(self) -> CancelOnLoss<Self> {
        CancelOnLoss(self)
    }
}

impl Cancellable for Redirect {
    type OnLoss = CancelOnLoss<Self>;

    fn on_loss(self) -> CancelOnLoss<Self> {
        CancelOnLoss(self)
    }
}

impl<C> Cancellable for Forward<C> {
    type OnLoss = CancelOnLoss<Self>;

    fn on_loss(self) -> CancelOnLoss<Self> {
        CancelOnLoss(self)
    }
}

/// `WaitUpTo` stays outermost: a request that waits has not been admitted yet, and has no term.
impl<A: Cancellable> Cancellable for WaitUpTo<A> {
    type OnLoss = WaitUpTo<A::OnLoss>;

    fn on_loss(self) -> WaitUpTo<A::OnLoss> {
        self.map(A::on_loss)
    }
}

impl<A: Forwards> Forwards for WaitUpTo<A> {
    fn set_time_limit(&mut self, time_limit: Duration) {
        self.action_mut().set_time_limit(time_limit);
    }
}

impl<A: Forwards> Forwards for CancelOnLoss<A> {
    fn set_time_limit(&mut self, time_limit: Duration) {
        self.0.set_time_limit(time_limit);
    }
}

/// Settings that contradict each other do not compile.
///
/// ```compile_fail,E0599
/// # fn example(layer: noleader::LeaderOnlyLayer) {
/// layer.redirect().forward_timeout(std::time::Duration::MAX);
/// # }
/// ```
/// ```compile_fail,E0599
/// # fn example(layer: noleader::LeaderOnlyLayer) {
/// layer.redirect().forward(());
/// # }
/// ```
/// ```compile_fail,E0599
/// # fn example(layer: noleader::LeaderOnlyLayer) {
/// layer.redirect().fail();
/// # }
/// ```
/// ```compile_fail,E0599
/// # fn example(layer: noleader::LeaderOnlyLayer) {
/// layer.fail().cancel_on_loss();
/// # }
/// ```
/// ```compile_fail,E0599
/// # fn example(layer: noleader::LeaderOnlyLayer) {
/// layer.fail().reveal_leader(true);
/// # }
/// ```
/// ```compile_fail,E0599
/// # use std::time::Duration;
/// # fn example(layer: noleader::LeaderOnlyLayer) {
/// layer.wait_up_to(Duration::ZERO).redirect().wait_up_to(Duration::ZERO);
/// # }
/// ```
/// ```compile_fail,E0599
/// # fn example(layer: noleader::LeaderOnlyLayer) {
/// layer.cancel_on_loss().redirect().cancel_on_loss();
/// # }
/// ```
#[cfg(doctest)]
struct Refused;
