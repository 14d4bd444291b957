mod advice;
mod balance;
mod fixtures;
mod simulation;
