//! Who the customers are, and where they live.
//!
//! What others may rely on: `customer.registered` with a name and an address, and `customer.moved` with the new
//! address, in the stream of the customer.

use annals::{Aggregate, CommandError, Context, Event, EventStore, Metadata, Position, Repository};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The service, as its front desk calls it.
pub(crate) struct Customers(Repository<Customer>);

impl Customers {
    pub(crate) fn new(store: impl EventStore + 'static) -> Self {
        Self(Repository::new(store))
    }

    pub(crate) async fn register(
        &self,
        id: &str,
        name: &str,
        address: &str,
    ) -> Result<Position, CommandError<Declined>> {
        let (name, address) = (name.to_owned(), address.to_owned());
        self.run(id, CustomerCommand::Register { name, address }).await
    }

    pub(crate) async fn move_to(
        &self,
        id: &str,
        address: &str,
    ) -> Result<Position, CommandError<Declined>> {
        self.run(id, CustomerCommand::Move { address: address.to_owned() }).await
    }

    async fn run(
        &self,
        id: &str,
        command: CustomerCommand,
    ) -> Result<Position, CommandError<Declined>> {
        let by_themselves = Metadata::by(id);
        let done = self.0.execute(&id.to_owned(), &command).with_metadata(by_themselves).await?;
        Ok(done.position)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(category = "customer")]
enum CustomerEvent {
    Registered { name: String, address: String },
    Moved { address: String },
}

enum CustomerCommand {
    Register { name: String, address: String },
    Move { address: String },
}

#[derive(Debug, Error)]
pub(crate) enum Declined {
    #[error("the customer is registered already")]
    Registered,
    #[error("nobody is registered under this name")]
    Unknown,
}

#[derive(Debug, Clone, Default)]
struct Customer {
    address: Option<String>,
}

impl Aggregate for Customer {
    type Id = String;
    type Command = CustomerCommand;
    type Event = CustomerEvent;
    type Error = Declined;

    fn handle(
        &self,
        command: &CustomerCommand,
        _: &Context<Self>,
    ) -> Result<Vec<CustomerEvent>, Declined> {
        match (command, &self.address) {
            (CustomerCommand::Register { .. }, Some(_)) => Err(Declined::Registered),
            (CustomerCommand::Register { name, address }, None) => {
                let (name, address) = (name.clone(), address.clone());
                Ok(vec![CustomerEvent::Registered { name, address }])
            }
            (CustomerCommand::Move { .. }, None) => Err(Declined::Unknown),
            (CustomerCommand::Move { address }, Some(old)) if address == old => Ok(vec![]),
            (CustomerCommand::Move { address }, Some(_)) => {
                Ok(vec![CustomerEvent::Moved { address: address.clone() }])
            }
        }
    }

    fn apply(&mut self, event: &CustomerEvent) {
        let (CustomerEvent::Registered { address, .. } | CustomerEvent::Moved { address }) = event;
        self.address = Some(address.clone());
    }
}
