//! Independent work on a fixed number of threads.

use std::sync::{Mutex, PoisonError};

/// Works on every item, in order as threads become free. What comes out doesn't depend on how many
/// threads there are, as long as `work` sees nothing but its item.
pub fn for_each<T: Send>(items: &mut [T], threads: usize, work: impl Fn(&mut T) + Sync) {
    let threads = threads.clamp(1, items.len().max(1));
    let queue = Mutex::new(items.iter_mut());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(item) = next() {
                    work(item);
                }
            });
        }
    });
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_item_is_worked_on_once() {
        for threads in [0, 1, 2, 7] {
            let mut items = [0, 1, 2, 3, 4];
            super::for_each(&mut items, threads, |item| *item += 10);
            assert_eq!(items, [10, 11, 12, 13, 14]);
        }
        super::for_each(&mut [(); 0], 3, |()| unreachable!("there is nothing to do"));
    }
}
