//! Files that rows name: the same requests to every store, through nginx and streamed; then what only a database can do
//! to a download.

mod cases;
mod library;
mod outages;
mod queries;
mod refusals;
mod rows;
mod stands;
mod types;

use proxy_tests::Database;

use crate::stands::{Mode, Stand};

/// A test for each stand.
macro_rules! stands {
    ($($test:ident: $stand:expr;)*) => {$(
        #[test]
        fn $test() {
            cases::run(&$stand);
        }
    )*};
}

stands! {
    rows_in_memory_through_nginx: Stand::in_memory(Mode::Nginx);
    rows_in_memory_streamed: Stand::in_memory(Mode::Streamed);
    a_table_of_sqlite_through_nginx: Stand::over_table(Database::sqlite, Mode::Nginx);
    a_table_of_sqlite_streamed: Stand::over_table(Database::sqlite, Mode::Streamed);
    a_table_of_postgres_through_nginx: Stand::over_table(Database::postgres, Mode::Nginx);
    a_table_of_postgres_streamed: Stand::over_table(Database::postgres, Mode::Streamed);
    a_table_of_mariadb_through_nginx: Stand::over_table(Database::mariadb, Mode::Nginx);
    a_table_of_mariadb_streamed: Stand::over_table(Database::mariadb, Mode::Streamed);
    an_entity_on_sqlite_through_nginx: Stand::over_entity(Database::sqlite, Mode::Nginx);
    an_entity_on_sqlite_streamed: Stand::over_entity(Database::sqlite, Mode::Streamed);
    an_entity_on_postgres_through_nginx: Stand::over_entity(Database::postgres, Mode::Nginx);
    an_entity_on_postgres_streamed: Stand::over_entity(Database::postgres, Mode::Streamed);
    an_entity_on_mariadb_through_nginx: Stand::over_entity(Database::mariadb, Mode::Nginx);
    an_entity_on_mariadb_streamed: Stand::over_entity(Database::mariadb, Mode::Streamed);
}
