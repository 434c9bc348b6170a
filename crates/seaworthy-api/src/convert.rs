//! From the API's types to what decisions need.
