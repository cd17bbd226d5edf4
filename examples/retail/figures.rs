use std::{error::Error, time::Duration};

use annals::{FollowerStore, Position, Query, ReadError, ReadModel, Reader, Running};
use chrono::NaiveDate;

use crate::{customers::Customer, number::CustomerId, sales::Sales, stock::StockItem};

const BEST: u32 = 5;
/// Followers are a moment behind, never long.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the followers know of the shop.
#[derive(Debug)]
pub(crate) struct Figures {
    /// All days together.
    pub(crate) sales: Sales,
    pub(crate) customers: usize,
    pub(crate) stock_items: usize,
    pub(crate) best_customers: Vec<(CustomerId, Customer)>,
    pub(crate) best_stock: Vec<(String, StockItem)>,
    pub(crate) best_days: Vec<(NaiveDate, Sales)>,
}

impl Figures {
    /// As they are once everything up to `position` is in them.
    pub(crate) async fn up_to<S: FollowerStore>(
        position: Position,
        running: &Running<S>,
    ) -> Result<Self, Box<dyn Error>> {
        let sales = running.reader::<Sales>();
        let sales = sales.wait_for(position, PATIENCE).await?;
        let customers = running.reader::<Customer>();
        let customers = customers.wait_for(position, PATIENCE).await?;
        let stock = running.reader::<StockItem>();
        let stock = stock.wait_for(position, PATIENCE).await?;

        let best_by = |column| Query::all().descending(column).with_limit(BEST);
        Ok(Self {
            sales: all(sales).await?.iter().map(|(_, day)| day).sum(),
            customers: all(customers).await?.len(),
            stock_items: all(stock).await?.len(),
            best_customers: customers.list(best_by("spent")).await?.rows,
            best_stock: stock.list(best_by("value")).await?.rows,
            best_days: sales.list(best_by("value")).await?.rows,
        })
    }
}

/// All rows, a page at a time.
async fn all<M: ReadModel, S: FollowerStore>(
    reader: &Reader<M, S>,
) -> Result<Vec<(M::Key, M)>, ReadError> {
    let (mut rows, mut query) = (Vec::new(), Query::all());
    loop {
        let page = reader.list(query.clone()).await?;
        rows.extend(page.rows);
        match page.next {
            Some(next) => query = query.after(next),
            None => return Ok(rows),
        }
    }
}
