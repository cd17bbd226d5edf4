//! Sets prices by demand. It was added long after the others, and none of them knows of it.
//!
//! What sold before it came, it knows from the first event on: its [read model](Demand) begins there, whenever
//! it is started for the first time.

use std::{convert::Infallible, time::Duration};

use annals::{
    Aggregate, Columns, Context, Event, FollowerStore, Followers, Metadata, Position, Query,
    ReadModel, Recorded, Repository, Running, StartError,
};
use serde::{Deserialize, Serialize};

use crate::Problem;

/// The service.
pub(crate) struct Pricing<S: FollowerStore> {
    prices: Repository<Price>,
    running: Running<S>,
}

impl<S: FollowerStore> Pricing<S> {
    pub(crate) async fn start(store: S) -> Result<Self, StartError> {
        let running = Followers::new(store.clone()).read_model::<Demand>().start().await?;
        Ok(Self { prices: Repository::new(store), running })
    }

    /// What is ordered most comes first, as of `position`.
    pub(crate) async fn demand(
        &self,
        position: Position,
    ) -> Result<Vec<(String, Demand)>, Problem> {
        let demand = self.running.reader::<Demand>();
        let demand = demand.wait_for(position, Duration::from_secs(10)).await?;
        Ok(demand.list(Query::all().descending("ordered")).await?.rows)
    }

    /// Sets all prices by what was ordered up to `position`.
    pub(crate) async fn set_prices(&self, position: Position) -> Result<Position, Problem> {
        let mut set = position;
        for (article, Demand { ordered, .. }) in self.demand(position).await? {
            let (set_by_demand, by_us) = (SetByDemand { ordered }, Metadata::by("pricing"));
            let done = self.prices.execute(&article, &set_by_demand).with_metadata(by_us).await?;
            set = set.max(done.position);
        }
        Ok(set)
    }

    pub(crate) async fn stop(self) {
        self.running.shutdown().await;
    }
}

/// What is heard of orders. Who ordered does not count here.
#[derive(Debug, Serialize, Deserialize, Event)]
pub(crate) enum OrderNews {
    #[event(name = "order.placed")]
    Placed { lines: Vec<Ordered> },
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ordered {
    article: String,
    units: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(category = "price")]
pub(crate) enum PriceEvent {
    Set { pence: u64 },
}

/// Own events and news, in one global order.
#[derive(Debug, Event)]
#[event(union)]
pub(crate) enum Heard {
    Orders(OrderNews),
    Prices(PriceEvent),
}

/// How much of an article was ordered, ever, and what it costs by now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Demand {
    pub(crate) ordered: u64,
    pub(crate) pence: Option<u64>,
}

impl ReadModel for Demand {
    const NAME: &'static str = "pricing_demand";
    type Event = Heard;
    type Key = String;

    fn keys(recorded: &Recorded<Heard>) -> impl IntoIterator<Item = String> {
        match &recorded.event {
            Heard::Orders(OrderNews::Placed { lines }) => {
                lines.iter().map(|line| line.article.clone()).collect()
            }
            Heard::Prices(_) => vec![recorded.stream.entity_id().to_owned()],
        }
    }

    fn apply(&mut self, article: &String, recorded: &Recorded<Heard>) {
        match &recorded.event {
            Heard::Orders(OrderNews::Placed { lines }) => {
                let of_article = lines.iter().filter(|line| line.article == *article);
                self.ordered += of_article.map(|line| line.units).sum::<u64>();
            }
            Heard::Prices(PriceEvent::Set { pence }) => self.pence = Some(*pence),
        }
    }

    fn columns() -> Columns<Self> {
        Columns::new().indexed("ordered", |demand: &Self| demand.ordered.cast_signed())
    }
}

struct SetByDemand {
    ordered: u64,
}

/// The price of one article.
#[derive(Debug, Clone, Default)]
struct Price {
    pence: u64,
}

impl Aggregate for Price {
    type Id = String;
    type Command = SetByDemand;
    type Event = PriceEvent;
    type Error = Infallible;

    /// Five pounds, and ten pence more for each that was ordered.
    fn handle(
        &self,
        &SetByDemand { ordered }: &SetByDemand,
        _: &Context<Self>,
    ) -> Result<Vec<PriceEvent>, Infallible> {
        let pence = 500 + 10 * ordered;
        Ok(if pence == self.pence { vec![] } else { vec![PriceEvent::Set { pence }] })
    }

    fn apply(&mut self, PriceEvent::Set { pence }: &PriceEvent) {
        self.pence = *pence;
    }
}
