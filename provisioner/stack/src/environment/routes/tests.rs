use super::*;
use pattern::rank;

fn wish(service: &'static str, paths: &[&'static str], hosts: &[&'static str]) -> Wish<'static> {
    Wish { service, paths: paths.to_vec(), hosts: hosts.to_vec(), priority: None }
}

/// Services in the order of the rules, with their paths.
fn order<'a>(wishes: &[Wish<'a>]) -> Vec<(&'a str, Vec<&'a str>)> {
    rules(wishes).into_iter().map(|rule| (rule.service, rule.paths)).collect()
}

fn takes(wishes: &[Wish<'static>], host: Option<&str>, path: &str) -> Option<&'static str> {
    taker(&rules(wishes), host, path).map(|rule| rule.service)
}

#[test]
fn patterns_cover_and_overlap() {
    for (outer, inner, covered) in [
        ("/*", "/a", true),
        ("/*", "/*", true),
        ("/a*", "/a", true),
        ("/a/*", "/a", false),
        ("/*", "/a?*", true),
        ("/a*", "/*", false),
        ("/?", "/*", false),
        ("/?*", "/a*", true),
        ("/*/b", "/a/x/b", true),
        ("*.example.com", "www.example.com", true),
        ("*.example.com", "example.com", false),
    ] {
        assert_eq!(covers(outer, inner), covered, "{outer} {inner}");
        if covered {
            assert!(overlap(outer, inner) && overlap(inner, outer), "{outer} {inner}");
            assert!(rank(inner) <= rank(outer), "{inner} goes before {outer}");
        }
    }
    for (one, other, meet) in [
        ("/a*", "/*b", true),
        ("/a/*", "/b/*", false),
        ("/?", "/ab", false),
        ("/a*c", "/ab*", true),
        ("/a", "/b", false),
        ("*a", "b*", true),
    ] {
        assert_eq!((overlap(one, other), overlap(other, one)), (meet, meet), "{one} {other}");
    }
}

/// Short patterns of every form: the rank never puts a wider one first.
#[test]
fn what_is_covered_goes_first() {
    let letters = ["a", "b", "*", "?"];
    let mut all: Vec<String> = vec![String::new()];
    for _ in 0..4 {
        let longer = all.iter().flat_map(|one| letters.map(|letter| format!("{one}{letter}")));
        all = [vec![String::new()], longer.collect()].concat();
    }
    for outer in &all {
        for inner in all.iter().filter(|inner| covers(outer, inner) && !covers(inner, outer)) {
            assert!(rank(inner) <= rank(outer), "{inner} before {outer}");
        }
    }
}

#[test]
fn each_path_has_its_own_place() {
    let wishes = [wish("web", &["/*", "/static/assets/*"], &[]), wish("api", &["/api/*"], &[])];
    assert_eq!(takes(&wishes, None, "/api/x"), Some("api"));
    assert_eq!(takes(&wishes, None, "/static/assets/x"), Some("web"));
    assert_eq!(takes(&wishes, None, "/x"), Some("web"));
}

#[test]
fn paths_that_nothing_separates_share_a_rule() {
    let wishes = [wish("web", &["/*", "/static/*", "/x"], &[])];
    assert_eq!(order(&wishes), [("web", vec!["/x", "/static/*", "/*"])]);
    let wishes = [wish("web", &["/*", "/static/*"], &[]), wish("api", &["/api/*"], &[])];
    let rules = rules(&wishes);
    assert_eq!(rules.len(), 3, "{rules:?}");
}

#[test]
fn a_host_goes_before_none_and_an_exact_one_before_a_wildcard() {
    let wishes = [
        wish("rest", &["/long/path/*"], &[]),
        wish("any", &["/long/*"], &["*.example.com"]),
        wish("www", &["/*"], &["WWW.example.com"]),
    ];
    assert_eq!(takes(&wishes, Some("www.example.com"), "/long/path/x"), Some("www"));
    assert_eq!(takes(&wishes, Some("a.example.com"), "/long/path/x"), Some("any"));
    assert_eq!(takes(&wishes, Some("a.example.com"), "/x"), None);
    assert_eq!(takes(&wishes, Some("else.where"), "/long/path/x"), Some("rest"));
    assert_eq!(takes(&wishes, None, "/long/path/x"), Some("rest"));
}

#[test]
fn no_rule_is_larger_than_a_load_balancer_takes() {
    let paths = ["/a", "/b", "/c", "/d", "/e/*", "/f/*", "/g/*", "/h/?*?*"];
    let hosts =
        ["a.example.com", "b.example.com", "c.example.com", "d.example.com", "e.example.com"];
    for hosts in [&hosts[..], &hosts[..1], &[]] {
        let wishes = [wish("web", &paths, hosts), wish("api", &["/*"], hosts)];
        let rules = rules(&wishes);
        assert!(rules.iter().all(Rule::fits), "{rules:?}");
        for path in ["/a", "/d", "/e/x", "/g/x", "/h/abc"] {
            for host in hosts.iter().map(|host| Some(*host)).chain([None]) {
                let taken = hosts.is_empty() || host.is_some();
                assert_eq!(takes(&wishes, host, path), taken.then_some("web"), "{host:?} {path}");
            }
        }
    }
}

#[test]
fn said_priorities_stay_and_may_hide_others() {
    let first = Wish { priority: Some(100), ..wish("first", &["/*"], &[]) };
    let wishes = [first, wish("api", &["/api/*"], &[])];
    let rules = rules(&wishes);
    let order: Vec<_> = rules.iter().map(|rule| (rule.priority, rule.service)).collect();
    assert_eq!(order, [(100, "first"), (200, "api")]);
    assert_eq!(hidden_by(&rules, &rules[1], "/api/*").map(|rule| rule.service), Some("first"));
    assert_eq!(hidden_by(&rules, &rules[0], "/*"), None);
}

#[test]
fn a_probe_asks_for_a_host_that_reaches_the_service() {
    let wishes = [
        wish("web", &["/*"], &["*.example.com"]),
        wish("other", &["/*"], &["any.example.com"]),
        wish("two", &["/*"], &["*.example.org", "www.example.org"]),
    ];
    let rules = rules(&wishes);
    assert_eq!(host_for(&rules, &wishes[2], "/status?x").unwrap(), "any.example.org");
    let hidden = host_for(&rules, &wishes[0], "/status").unwrap();
    assert_eq!(taker(&rules, Some(&hidden), "/status").unwrap().service, "other");
    assert_eq!(host_for(&rules, &wish("none", &["/*"], &[]), "/"), None);
}

#[test]
fn rules_go_around_what_others_have_taken() {
    let said = Wish { priority: Some(200), ..wish("x", &["/x"], &[]) };
    let wishes = [wish("web", &["/*"], &[]), wish("admin", &["/admin/*"], &[]), said];
    let rules = rules_around(&wishes, &[100, 300].into());
    let order: Vec<_> = rules.iter().map(|rule| (rule.priority, rule.service)).collect();
    assert_eq!(order, [(200, "x"), (400, "admin"), (500, "web")]);
}
