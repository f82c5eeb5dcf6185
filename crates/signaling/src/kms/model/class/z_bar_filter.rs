//! `ZBarFilter`: tells of codes in the video.

use super::{FILTER, filter};
use crate::kms::model::{Class, Creation, Module, event};

pub(crate) static Z_BAR_FILTER: Class = Class {
    name: "ZBarFilter",
    module: Module::Filters,
    parent: Some(&FILTER),
    about: "Tells of bar codes and QR codes in the video.",
    creation: Creation::OptIn {
        params: &[filter::PIPELINE],
        construct: filter::construct,
        reason: filter::NEEDS_DECODING,
    },
    properties: &[],
    operations: &[],
    events: &[&event::CODE_FOUND],
};
