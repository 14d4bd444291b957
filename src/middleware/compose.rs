use super::{Fail, Redirect, Reject, RejectWith, WaitUpTo, action::sealed::Sealed};

/// An action that rejects for want of another choice: [`Reject`], by itself or in [`WaitUpTo`]. What is
/// chosen instead takes its place, so that the settings of a layer can be given in any order.
pub trait Undecided: Sealed {
    /// The same with `A` in the place of [`Reject`].
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

/// An action that is taken at once: all but [`WaitUpTo`].
pub trait Immediate: Sealed {}

impl Immediate for Reject {}
impl<F> Immediate for RejectWith<F> {}
impl Immediate for Redirect {}
impl Immediate for Fail {}
