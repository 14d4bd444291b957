//! The gate as a tower middleware.
