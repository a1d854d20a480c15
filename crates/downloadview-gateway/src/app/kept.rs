//! What was made from a part of the file, and is shared by what is read anew as long as the file describes it.
//! `after` begins a new set with the old values at hand, `get` takes one over or makes it, `settle` drops what was not
//! taken.

/// Values by what they were made from. Few, so they are compared one by one.
#[derive(Debug, Clone)]
pub(super) struct Kept<K, V> {
    before: Vec<(K, V)>,
    made: Vec<(K, V)>,
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self {
            before: Vec::new(),
            made: Vec::new(),
        }
    }
}

impl<K: PartialEq + Clone, V: Clone> Kept<K, V> {
    /// None made yet, with those of another application at hand.
    pub(super) fn after(other: &Self) -> Self {
        Self {
            before: other.made.clone(),
            made: Vec::new(),
        }
    }

    /// Lets go of what was at hand and is not described any more.
    pub(super) fn settle(&mut self) {
        self.before.clear();
    }

    /// The value that was made from this, now or before; else the one that `make` makes.
    pub(super) fn get<E>(&mut self, key: &K, make: impl FnOnce() -> Result<V, E>) -> Result<V, E> {
        let same = |(known, _): &&(K, V)| known == key;
        if let Some((_, value)) = self.made.iter().find(same) {
            return Ok(value.clone());
        }
        let value = match self.before.iter().find(same) {
            Some((_, value)) => value.clone(),
            None => make()?,
        };
        self.made.push((key.clone(), value.clone()));
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_still_described_is_made_once_and_the_rest_is_let_go() {
        let mut made = 0;
        let mut get = |kept: &mut Kept<&str, i32>, key| {
            let value = kept.get(&key, || {
                made += 1;
                Ok::<_, ()>(made)
            });
            value.unwrap()
        };
        let mut first = Kept::default();
        assert_eq!(
            [
                get(&mut first, "a"),
                get(&mut first, "a"),
                get(&mut first, "b")
            ],
            [1, 1, 2]
        );
        let mut second = Kept::after(&first);
        assert_eq!(get(&mut second, "a"), 1);
        second.settle();
        let mut third = Kept::after(&second);
        assert_eq!([get(&mut third, "a"), get(&mut third, "b")], [1, 3]);
    }
}
