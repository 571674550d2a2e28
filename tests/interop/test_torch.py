"""`torch_function`: PyTorch's own checks of derivatives, of second ones, and its transformations."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.interop,
    pytest.mark.filterwarnings("error::autodiff.FallbackWarning"),
    pytest.mark.filterwarnings(
        "ignore:.*torch.jit:DeprecationWarning"
    ),  # PyTorch's own forward mode
]

from autodiff.errors import DtypeError  # noqa: E402
from autodiff.interop import torch_function  # noqa: E402

X = torch.tensor([0.5, -0.7, 1.2], dtype=torch.float64)
W = torch.tensor(1.5, dtype=torch.float64)


def in_numpy(x, w):
    total = 0.0
    for k in range(len(x)):
        if x[k] > 0:
            total += w * x[k] ** 3
        else:
            total += np.sin(x[k]) * w**2
    return total


def in_torch(x, w):
    return torch.sum(torch.where(x > 0, w * x**3, torch.sin(x) * w**2))


def several(x):
    return np.cumsum(np.exp(x) * x), np.sum(x**2)


@pytest.fixture
def tensors():
    return X.clone().requires_grad_(), W.clone().requires_grad_()


def test_gradients_pass_the_checks_of_pytorch(tensors):
    assert torch.autograd.gradcheck(torch_function(in_numpy), tensors, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(torch_function(in_numpy), tensors)
    assert torch.autograd.gradcheck(torch_function(several), tensors[:1], check_forward_ad=True)
    assert torch.autograd.gradgradcheck(torch_function(several), tensors[:1])


@pytest.mark.parametrize("of", ["grad", "hessian", "jacrev", "jacfwd"])
def test_transformations(of):
    transform = getattr(torch.func, of)
    torch.testing.assert_close(transform(torch_function(in_numpy))(X, W), transform(in_torch)(X, W))
    batch = torch.stack([X, 2 * X])
    ours = torch.func.vmap(transform(torch_function(in_numpy)), (0, None))(batch, W)
    torch.testing.assert_close(ours, torch.func.vmap(transform(in_torch), (0, None))(batch, W))


def test_it_is_part_of_a_network_that_is_trained():
    torch.manual_seed(0)
    layer = torch.nn.Linear(3, 3, dtype=torch.float64)
    physics = torch_function(lambda u: np.sum((u[1:] - u[:-1] ** 2) ** 2))
    optimiser = torch.optim.LBFGS(layer.parameters(), max_iter=50)

    def closure():
        optimiser.zero_grad()
        loss = physics(layer(X)) + 0.1 * torch.sum((layer(X) - 1) ** 2)
        loss.backward()
        return loss

    first = float(closure().detach())
    optimiser.step(closure)
    assert float(closure().detach()) < 1e-6 * first


def test_dtypes_are_those_of_the_arguments_and_integers_have_no_gradient():
    x = X.float().requires_grad_()
    found = torch_function(in_numpy)(x, 1.5)
    assert found.dtype == torch.float32 or found.dtype == torch.float64
    found.backward()
    assert x.grad.dtype == torch.float32
    base = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    torch_function(lambda x, n: x**n)(base, 2).backward()
    assert float(base.grad) == 6
    counted = torch_function(lambda x: (x, np.argmax(x)))(X.clone().requires_grad_())
    assert counted[0].requires_grad and not counted[1].requires_grad
    with pytest.raises(
        DtypeError, match="AD105: torch_function was given an array of dtype complex128"
    ):
        torch_function(in_numpy)(X * 1j, W)


def test_the_result_is_a_tensor_of_its_own():
    x = X.clone()
    y = torch_function(lambda x: x)(x)
    x[0] = 100.0
    assert float(y[0]) == 0.5
