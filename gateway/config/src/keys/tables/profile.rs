//! The header of a profile. Of an app, a profile may set the keys whose rows say `in_profiles`.
//!
//! A profile knows the app, not where it runs: what says whose the app is, who may come, and where anything is kept
//! belongs to the operator.

use super::app::App;
use crate::keys::nested::table;
use crate::keys::table::table;
use crate::keys::value::{count, text, texts};
use crate::location::{Setting, Texts};

const FACTS: &str = "a profile says for what it is, and how that is known";

table! {
    /// The root of a profile.
    #[derive(Debug)]
    pub(crate) struct ProfileFile at "(profile)" {
        /// What it is for, and where its facts are from.
        profile: Option<ProfileHeader> = table::<ProfileHeader>()
            .required("begin with [profile]: version, for, about and facts").in_profiles(),
        /// What it says of the app.
        app: Option<App> = table::<App>().required("say what it sets, under [app]").in_profiles(),
    }
}

table! {
    /// What a profile is for, and where its facts are from.
    #[derive(Debug)]
    pub(crate) struct ProfileHeader at "profile" {
        /// Its version.
        version: Setting<u64> = count(1, 1_000_000).required(FACTS).in_profiles(),
        /// The app, and the versions of it that were looked at.
        made_for: Setting<String> = text().called("for").required(FACTS).in_profiles(),
        /// What it does, in one sentence.
        about: Setting<String> = text().required(FACTS).in_profiles(),
        /// Where each fact is from: an address, a blank, and what it proves.
        facts: Texts = texts().required(FACTS).in_profiles(),
        /// How many requests an hour one open page of the app makes by itself.
        polls: Setting<u64> = count(1, 100_000).otherwise("not known to").in_profiles(),
    }
}
