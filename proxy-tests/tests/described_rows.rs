//! A row that states everything of its file: whether there is such a file, the storage still says.

use proxy_tests::{Database, Proxy, Site, configuration};

const SECRET: &str = "outside the storage";

/// A site behind `proxy` whose rows are described in full; links are `symlinks`.
fn site(proxy: Proxy, symlinks: &str) -> (Site, Database) {
    let database = Database::sqlite();
    database.run("CREATE TABLE document (slug TEXT, file TEXT, size INTEGER, modified TIMESTAMP)");
    for name in ["plain", "out", "in", "fifo", "folder", "gone"] {
        let row = format!("'{name}', '{name}.txt', 6, '2020-09-13 12:26:40'");
        database.run(&format!("INSERT INTO document VALUES ({row})"));
    }
    let of_rows = format!(
        "\n[databases.main]\nurl = \"{}\"\n\n[[views]]\nroute = \"/rows/{{slug}}\"\nkind = \"object\"\n\
         database = \"main\"\ntable = \"document\"\nlookup = \"slug\"\nstorage = \"media\"\n\
         file_field = \"file\"\nsize_field = \"size\"\nmodified_field = \"modified\"\n\n\
         [[views]]\nroute = \"/fixed\"\nkind = \"path\"\npath = \"@MEDIA@/in.txt\"\n",
        database.url()
    );
    let stated = configuration(proxy)
        .replace(
            "symlinks = \"within\"",
            &format!("symlinks = \"{symlinks}\""),
        )
        // By folder, so that a link is delegated by the place it leads to.
        .replace("source_url = \"/media/\"", "source_dir = \"@MEDIA@\"");
    let site = Site::new(&(stated + &of_rows));
    site.write("media/plain.txt", "plain\n");
    site.write("outside/secret.txt", SECRET);
    site.make_link("media/out.txt", site.path("outside/secret.txt"));
    site.make_link("media/in.txt", "plain.txt");
    site.make_fifo("media/fifo.txt");
    site.make_folder("media/folder.txt");
    (site, database)
}

#[test]
fn a_described_row_leads_to_no_link_out_of_the_storage_and_no_fifo() {
    for proxy in Proxy::ALL {
        for symlinks in ["refuse", "within"] {
            let (site, _database) = site(proxy, symlinks);
            let gateway = site.start_gateway();
            let front = site.start_proxy(proxy);
            for server in [&front, &gateway] {
                for slug in ["out", "fifo", "folder", "gone"] {
                    let answer = server.get(&format!("/rows/{slug}"));
                    let what = format!("{proxy:?} {symlinks} {slug}: {}", answer.head());
                    assert_eq!(answer.status, 404, "{what}");
                    assert!(!answer.text().contains(SECRET), "{what}");
                }
            }
            assert_eq!(front.get("/rows/plain").text(), "plain\n", "{proxy:?}");
            let legal = front.get("/rows/in");
            match symlinks {
                "within" => assert_eq!((legal.status, &*legal.text()), (200, "plain\n")),
                _ => assert_eq!(legal.status, 404, "{proxy:?}"),
            }
        }
    }
}

/// The operator chose the path, so it may be a link; nginx is told of the place it leads to.
#[test]
fn a_fixed_path_that_is_a_link_arrives_through_every_proxy() {
    for proxy in Proxy::ALL {
        let (site, _database) = site(proxy, "refuse");
        let gateway = site.start_gateway();
        let front = site.start_proxy(proxy);
        for server in [&front, &gateway] {
            let answer = server.get("/fixed");
            if answer.has(proxy.header()) {
                continue;
            }
            let what = format!("{proxy:?}: {}", answer.head());
            assert_eq!((answer.status, &*answer.text()), (200, "plain\n"), "{what}");
        }
        assert!(gateway.get("/fixed").has(proxy.header()), "{proxy:?}");
    }
}
