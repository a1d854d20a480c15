//! What holds behind every proxy. A file `tests/NAME.rs` runs all of it: `suite!(Nginx);`.
//!
//! A case that [`suite!`] does not list is dead code, which the lints refuse.

pub(crate) mod bytes;
pub(crate) mod changes;
pub(crate) mod closed;
pub(crate) mod forgery;
pub(crate) mod headers;
pub(crate) mod names;
pub(crate) mod ranges;
pub(crate) mod strangers;
pub(crate) mod validators;

/// A `#[test]` for each case, with a proxy as its argument.
macro_rules! cases {
    ($proxy:ident: $($module:ident { $($case:ident,)* })*) => {
        $(mod $module {
            $(#[test]
            fn $case() {
                crate::suite::$module::$case(proxy_tests::Proxy::$proxy);
            })*
        })*
    };
}

/// Every case of the suite against one proxy.
macro_rules! suite {
    ($proxy:ident) => {
        cases! { $proxy:
            bytes {
                a_large_file_arrives_whole_and_the_gateway_does_not_read_it,
                a_range_of_a_large_file_is_answered_by_the_proxy,
                head_tells_the_size_and_sends_no_body,
                the_gateways_own_answer_is_an_empty_200_whatever_part_is_asked_for,
                an_empty_file_arrives,
            }
            names {
                every_name_arrives_with_its_own_bytes_and_only_the_uncarriable_are_streamed,
                the_client_sees_a_safe_name,
                a_name_in_a_subfolder_arrives,
            }
            ranges {
                a_single_range_is_206_with_its_bytes,
                several_ranges_are_one_multipart,
                a_range_past_the_end_is_416,
            }
            validators {
                the_etag_that_the_gateway_states_is_the_one_that_clients_see,
                a_received_validator_revalidates,
                a_download_resumes_while_the_file_is_the_same_and_starts_over_when_it_changed,
                two_files_have_two_etags,
            }
            closed {
                what_is_no_readable_file_of_the_storage_is_404_without_a_trace_of_the_download,
                a_link_inside_the_storage_is_the_file_under_the_links_name,
                no_target_climbs_out_of_the_storage,
                the_files_have_no_address_of_their_own,
                other_methods_are_405,
                a_hand_off_of_what_is_no_file_shows_nothing_internal,
                a_hand_off_out_of_the_storage_is_refused,
            }
            changes {
                a_file_deleted_while_it_is_sent_arrives_whole,
                a_file_replaced_while_it_is_sent_arrives_as_it_was,
                a_download_outlives_the_gateway_that_began_it,
                a_deleted_file_is_gone_and_a_replaced_one_is_new_at_once,
            }
            headers {
                headers_of_the_gateway_arrive_once,
                an_inline_page_is_sandboxed,
                a_file_that_is_stored_compressed_says_so,
                kept_headers_and_cookies_arrive_once,
                an_error_page_keeps_no_headers_of_the_download,
            }
            forgery {
                hand_off_headers_of_a_client_change_nothing,
                hand_off_headers_of_a_client_do_not_reach_the_app,
                what_a_client_says_of_itself_does_not_reach_the_app,
                a_hand_off_with_another_status_reaches_no_client,
            }
            strangers {
                the_hand_off_of_another_proxy_leaks_through_a_bare_one_and_not_through_ours,
                an_announced_app_behind_a_proxy_that_says_nothing_streams_and_leaks_nothing,
            }
        }
    };
}

/// Eight bytes at a time, each its own place, so that a shifted or repeated block is noticed.
pub(crate) fn numbered(length: usize) -> Vec<u8> {
    let words = 0..(length as u64).div_ceil(8);
    let mut content: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
    content.truncate(length);
    content
}

/// `assert_eq!` would print the bytes.
#[track_caller]
pub(crate) fn assert_same_bytes(found: &[u8], expected: &[u8]) {
    assert_eq!(found.len(), expected.len());
    assert!(found == expected, "same length, other bytes");
}

pub(crate) const MIB: usize = 1024 * 1024;
