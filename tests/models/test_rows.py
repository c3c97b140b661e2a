"""Rows of a matrix on the device, a batch at a time."""

import numpy as np
import torch
from scipy.sparse import csr_array

from pricefuse.models.rows import DenseRows, SparseRows

MATRIX = np.arange(12, dtype=np.float32).reshape(4, 3)
ROWS = torch.tensor([2, 0, 2])


def test_dense_rows_are_taken_where_they_are():
    np.testing.assert_array_equal(DenseRows(MATRIX, torch.device("cpu")).at(ROWS), MATRIX[ROWS])


def test_a_device_with_a_number_is_the_device_without_one():
    """A tensor on `cuda` says that it is on `cuda:0`, which is another device by comparison."""
    numbered = torch.device("cpu", 0)
    assert torch.from_numpy(MATRIX).to(numbered).device != numbered
    np.testing.assert_array_equal(DenseRows(MATRIX, numbered).at(ROWS), MATRIX[ROWS])


def test_sparse_rows_come_as_embedding_bags_take_them():
    matrix = csr_array(np.array([[0, 1, 2], [0, 0, 0], [3, 0, 4]], np.float32))
    columns, starts, values = SparseRows(matrix, torch.device("cpu")).at(torch.tensor([2, 1, 0]))
    assert columns.tolist() == [0, 2, 1, 2]
    assert starts.tolist() == [0, 2, 2]
    assert values.tolist() == [3, 4, 1, 2]
