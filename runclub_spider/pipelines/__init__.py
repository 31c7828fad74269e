"""The item pipelines, one verb each, in the order of `ITEM_PIPELINES`. Items are whole pages."""
