//! What a real Chromium sent, read and forwarded by Keel and decoded by ffmpeg.

mod reading;
mod switching;
