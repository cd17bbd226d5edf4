//! Services that know each other only by their events.
//!
//! ```text
//! cargo run --example shop
//! cargo run --features postgres --example shop -- --store postgres://user@localhost/database
//! ```
//!
//! Four services in one program, each a module: [`customers`], [`orders`], [`shipping`] and [`pricing`]. None
//! names a type of another. What one wants to hear of another, it lists in an enum of its own, by the stored names
//! of the events; fields it does not list, it does not read. So each can be deployed, stopped, and rebuilt by itself.
//!
//! The story is [`story`], to be read from top to bottom; [`audit`] tells what followed from one order.

mod audit;
mod customers;
mod orders;
mod pricing;
mod shipping;

use std::{error::Error, process::ExitCode};

use annals::{Cause, FollowerStore, MemoryStore, Position};
use clap::Parser;

use crate::{customers::Customers, orders::Orders, pricing::Pricing, shipping::Shipping};

type Problem = Box<dyn Error + Send + Sync>;

/// Tells the story of a shop, in which services hear of each other by events.
#[derive(Debug, Parser)]
#[command(name = "shop")]
struct Args {
    /// Where the events go: `memory`, or the URL of a Postgres database
    #[arg(long, value_name = "STORE", default_value = "memory")]
    store: String,

    /// The schema for them in that database; the story begins with an empty one
    #[arg(long, value_name = "NAME", default_value = "shop")]
    schema: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run(Args { store: url, schema }: Args) -> Result<(), Problem> {
    if url == "memory" {
        return story(MemoryStore::new()).await;
    }
    on_postgres(&url, &schema).await
}

#[cfg(feature = "postgres")]
async fn on_postgres(url: &str, schema: &str) -> Result<(), Problem> {
    let store = annals::PostgresStore::builder().with_schema(schema).connect(url).await?;
    store.migrate().await?;
    let told = story(store.clone()).await;
    store.shutdown().await;
    told
}

#[cfg(not(feature = "postgres"))]
async fn on_postgres(_: &str, _: &str) -> Result<(), Problem> {
    Err("this build knows the memory store only; run it with --features postgres".into())
}

async fn story<S: FollowerStore>(store: S) -> Result<(), Problem> {
    if store.head().await? > Position::START {
        return Err("the story was told in this schema already; name another with --schema".into());
    }

    println!("A shop opens: customers, orders, shipping.");
    let customers = Customers::new(store.clone());
    let orders = Orders::start(store.clone()).await?;
    let shipping = Shipping::start(store.clone()).await?;

    customers.register("anna", "Anna Ames", "1 Mill Lane").await?;
    customers.register("bert", "Bert Byrd", "7 High Street").await?;
    let first = orders.place("1001", "anna", &[("teapot", 1), ("mug", 4)]).await?;
    let second = orders.place("1002", "bert", &[("mug", 6)]).await?;
    println!("Anna and Bert place an order each, and shipping hears of it.");
    let booked = shipping.booked(second.position).await?;
    check("each order has its shipment", booked == ["1001", "1002"])?;

    println!("\nShipping is stopped for a deploy. Orders go on without it.");
    shipping.stop().await;
    orders.place("1003", "bert", &[("teapot", 1)]).await?;
    let fourth = orders.place("1004", "anna", &[("mug", 2), ("tray", 1)]).await?;
    println!("It is back, and goes on where it was.");
    let shipping = Shipping::start(store.clone()).await?;
    let booked = shipping.booked(fourth.position).await?;
    check(
        "nothing was missed, nothing is booked twice",
        booked == ["1001", "1002", "1003", "1004"],
    )?;

    println!(
        "\nAnna moves, and tells the customer desk. Shipping keeps its own copy of the addresses."
    );
    let moved = customers.move_to("anna", "22 Quay Street").await?;
    let parcels = shipping.dispatch_all(moved).await?;
    for parcel in &parcels {
        println!("  order {} goes to {}, {}", parcel.order, parcel.name, parcel.address);
    }
    let follow_anna =
        |order: &str| parcels.iter().any(|to| to.order == order && to.address == "22 Quay Street");
    check("her parcels follow her", follow_anna("1001") && follow_anna("1004"))?;
    let standing = orders.standing("1001", store.head().await?).await?.unwrap_or_default();
    check(
        "and she sees it at the order desk, which heard of it from shipping",
        standing.units == 5 && standing.sent_to.as_deref() == Some("22 Quay Street"),
    )?;

    println!("\nA year later the shop adds pricing. Nobody else is changed, or even stopped.");
    let pricing = Pricing::start(store.clone()).await?;
    let priced = pricing.set_prices(store.head().await?).await?;
    let demand = pricing.demand(priced).await?;
    for (article, demand) in &demand {
        let pounds = demand.pence.map(|pence| format!("£{}.{:02}", pence / 100, pence % 100));
        let pounds = pounds.unwrap_or_default();
        println!("  {article:<6}  {:>2} ordered  {pounds:>6}", demand.ordered);
    }
    let known: Vec<_> =
        demand.iter().map(|(article, of)| (article.as_str(), of.ordered, of.pence)).collect();
    check(
        "it knows what was ordered before it was there",
        known == [("mug", 12, Some(620)), ("teapot", 2, Some(520)), ("tray", 1, Some(510))],
    )?;

    println!("\nWhat followed from order 1001, in all services:");
    let correlation = first.correlation_id().ok_or("an order has a correlation id")?;
    let course = audit::course(&store, correlation).await?;
    for link in &course {
        let because = link.because_of.map(|cause| format!("because of {cause}"));
        let because = because.unwrap_or_default();
        let line = format!("{:<19}  by {:<17}  {because}", link.event, link.actor);
        println!("  {:>2}  {}", link.position, line.trim_end());
    }
    let events: Vec<_> = course.iter().map(|link| link.event.as_str()).collect();
    let causes: Vec<_> = course.iter().skip(1).map(|link| link.because_of).collect();
    let before: Vec<_> = course.iter().map(|link| Some(link.position)).collect();
    check(
        "each step names the one before it as its cause",
        events == ["order.placed", "shipment.booked", "shipment.dispatched"]
            && before.starts_with(&causes),
    )?;

    pricing.stop().await;
    shipping.stop().await;
    orders.stop().await;
    Ok(())
}

/// Tells what holds; the story ends with an error where it does not.
fn check(claim: &str, holds: bool) -> Result<(), Problem> {
    if !holds {
        return Err(format!("it does not hold that {claim}").into());
    }
    println!("  ✓ {claim}");
    Ok(())
}

#[cfg(test)]
mod tests;
