//! The interrupt table: a board has one interrupt, that of its UART, or none.

use crate::fault;

/// An entry of the table.
pub type Vector = extern "C" fn();

/// A table whose last entry is `last`; the others are never enabled.
pub const fn vectors<const N: usize>(last: Vector) -> [Vector; N] {
    let mut table = [fault::unexpected as Vector; N];
    table[N - 1] = last;
    table
}

/// The image's interrupt table: up to the receive interrupt of this [`Uart`](crate::serial::Uart), or,
/// without a UART, with no interrupt at all.
#[macro_export]
macro_rules! interrupts {
    () => {
        $crate::interrupts!(1, $crate::unexpected);
    };
    ($uart:ty) => {
        $crate::interrupts!(
            <$uart as $crate::serial::Uart>::INTERRUPT as usize + 1,
            $crate::serial::on_receive::<$uart>
        );
    };
    ($count:expr, $last:expr) => {
        #[allow(unsafe_code)] // The start-up code looks for it by this name, in this place.
        #[unsafe(link_section = ".vector_table.interrupts")]
        #[unsafe(no_mangle)]
        static __INTERRUPTS: [$crate::Vector; $count] = $crate::vectors($last);
    };
}
