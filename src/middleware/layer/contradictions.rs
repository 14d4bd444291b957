/// Settings that contradict each other do not compile.
///
/// ```compile_fail,E0599
/// # fn example(layer: noleader::LeaderOnlyLayer) {
/// layer.upgrades_pass();
/// # }
/// ```
/// ```compile_fail,E0599
/// # fn example(layer: noleader::LeaderOnlyLayer) {
/// layer.fail().upgrades_pass();
/// # }
/// ```
/// ```compile_fail,E0599
/// # fn example(layer: noleader::LeaderOnlyLayer) {
/// layer.redirect().forward_timeout(std::time::Duration::MAX);
/// # }
/// ```
/// ```compile_fail,E0599
/// # fn example(layer: noleader::LeaderOnlyLayer) {
/// layer.redirect().redirect();
/// # }
/// ```
/// ```compile_fail,E0599
/// # fn example(layer: noleader::LeaderOnlyLayer) {
/// layer.redirect().fail();
/// # }
/// ```
/// ```compile_fail,E0599
/// # fn example(layer: noleader::LeaderOnlyLayer) {
/// layer.fail().cancel_on_loss();
/// # }
/// ```
/// ```compile_fail,E0599
/// # fn example(layer: noleader::LeaderOnlyLayer) {
/// layer.fail().reveal_leader(true);
/// # }
/// ```
/// ```compile_fail,E0599
/// # fn example(layer: noleader::LeaderOnlyLayer) {
/// layer.keyless_pass();
/// # }
/// ```
///
/// `poll_ready` comes before the request, whose key decides on the shard:
///
/// ```compile_fail,E0599
/// # fn example(shards: noleader::Shards) {
/// noleader::LeaderOnlyLayer::sharded(shards, |order: &u32| *order).not_ready();
/// # }
/// ```
/// ```compile_fail,E0599
/// # fn example(shards: noleader::Shards) {
/// noleader::LeaderOnlyLayer::sharded(shards, |order: &u32| *order).fail().not_ready();
/// # }
/// ```
/// ```compile_fail,E0599
/// # fn example(layer: noleader::LeaderOnlyLayer) {
/// layer.not_ready().writes_only();
/// # }
/// ```
struct Refused;
