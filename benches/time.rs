//! Times of the pure layers: `cargo bench --bench time`, and a part of a name for some of them.

mod subjects;

use criterion::Criterion;
use subjects::SUBJECTS;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for (subject, scenarios) in SUBJECTS {
        let mut group = criterion.benchmark_group(*subject);
        for scenario in *scenarios {
            let mut work = None;
            group.bench_function(scenario.name, |bencher| {
                bencher.iter(work.get_or_insert_with(scenario.prepare));
            });
        }
        group.finish();
    }
    criterion.final_summary();
}
